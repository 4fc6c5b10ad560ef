"""The environment of an instance's processes. Its only source of credentials is the metadata service.

SDKs take credentials from the environment, from files and from container endpoints before they ask the
metadata service. So the environment must contain none of those.
AWS: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html and
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

KEPT_AWS_VARIABLES = frozenset(
    {
        "AWS_CA_BUNDLE",
        "AWS_CLI_AUTO_PROMPT",
        "AWS_CLI_FILE_ENCODING",
        "AWS_DATA_PATH",
        "AWS_DEFAULTS_MODE",
        "AWS_DEFAULT_OUTPUT",
        "AWS_DISABLE_REQUEST_COMPRESSION",
        "AWS_EC2_METADATA_V1_DISABLED",
        "AWS_MAX_ATTEMPTS",
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
        "AWS_METADATA_SERVICE_TIMEOUT",
        "AWS_PAGER",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
        "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
        "AWS_RESPONSE_CHECKSUM_VALIDATION",
        "AWS_RETRY_MODE",
        "AWS_SDK_UA_APP_ID",
    }
)
"""The AWS_ variables that contain no credentials, no location of credentials and no endpoint."""

_METADATA_ATTEMPTS = "3"
"""The number of attempts: a killed agent loses the requests in flight, and SDKs do not retry by default.

AWS: "the number of total attempts to make before giving up when attempting to retrieve data from the instance
metadata service. Default value: 1"
https://docs.aws.amazon.com/sdkref/latest/guide/feature-ec2-instance-metadata.html
"""

EC2_METADATA_ENDPOINT = "http://169.254.169.254"

_REMOVED_PREFIXES = ("AWS_", "AMAZON_", "TABARD_")
_REMOVED = frozenset({"BOTO_CONFIG", "BOTO_PATH", "EC2_ACCESS_KEY", "EC2_SECRET_KEY", "EC2_URL"})

_HOST_VARIABLES = frozenset(
    {
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LANG",
        "LANGUAGE",
        "NO_PROXY",
        "PATH",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
    }
)


def host_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Select the variables that an instance inherits from a server: program paths, locale, proxies."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _HOST_VARIABLES or name.startswith("LC_")
    }


def instance_environment(
    base: Mapping[str, str],
    *,
    metadata_endpoint: str = "",
    edge_endpoint: str,
    region: str,
    empty_file: str,
) -> dict[str, str]:
    """Remove every other source of credentials; point SDKs at the metadata service and the edge.

    Every AWS_ variable is removed unless it is known to be harmless. So a source that AWS invents later is
    removed as well. `empty_file` replaces ~/.aws/config, ~/.aws/credentials and ~/.boto, which SDKs read
    first. It exists, because some SDKs fail if the named file is missing. Without a `metadata_endpoint`,
    SDKs use EC2's address.

    Differs: SDKs make up to three attempts to read metadata (AWS_METADATA_SERVICE_NUM_ATTEMPTS), unless
    `base` sets another number.
    """
    remaining = {name: value for name, value in base.items() if not _is_removed(name)}
    bypass = _without_proxy(base, metadata_endpoint or EC2_METADATA_ENDPOINT, edge_endpoint)
    if metadata_endpoint:
        remaining["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata_endpoint
    return {
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS": _METADATA_ATTEMPTS,
        **remaining,
        "AWS_ENDPOINT_URL": edge_endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": empty_file,
        "AWS_SHARED_CREDENTIALS_FILE": empty_file,
        "BOTO_CONFIG": empty_file,
        "NO_PROXY": bypass,
        "no_proxy": bypass,
    }


def _is_removed(name: str) -> bool:
    # Windows and some programs ignore the case of names.
    upper = name.upper()
    if upper in KEPT_AWS_VARIABLES:
        return False
    return upper.startswith(_REMOVED_PREFIXES) or upper in _REMOVED


def _without_proxy(base: Mapping[str, str], *endpoints: str) -> str:
    """Join both spellings and our own hosts; `*` alone already means every host."""
    entries: dict[str, None] = {}
    for name in ("NO_PROXY", "no_proxy"):
        entries.update(dict.fromkeys(entry.strip() for entry in base.get(name, "").split(",")))
    if "*" in entries:
        return "*"
    entries.update(dict.fromkeys(urlsplit(endpoint).hostname or "" for endpoint in endpoints))
    return ",".join(entry for entry in entries if entry)
