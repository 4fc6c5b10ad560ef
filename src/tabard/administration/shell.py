"""The client that the user's shell describes: endpoint, profile and credentials as any AWS client finds them.

AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html,
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

import os
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError

from tabard.administration.call_errors import ClientUnusable
from tabard.administration.client import OneEndpointSession, SystemClient
from tabard.administration.named import ENDPOINT_VARIABLE

_REGION_VARIABLE = "AWS_REGION"
_REGION = "us-east-1"


def client_of_shell(*, endpoint: str | None, profile: str | None) -> SystemClient:
    """Return a client of the user's endpoint, with the credentials that botocore's chain finds.

    The endpoint is the option's, else AWS_ENDPOINT_URL's, else that of the profile.

    Raises:
        ClientUnusable: no endpoint, AWS's own endpoint, no such profile, or no credentials.
    """
    session = OneEndpointSession(profile=profile)
    try:
        settings = session.get_scoped_config()
        url = endpoint or os.environ.get(ENDPOINT_VARIABLE) or settings.get("endpoint_url")
        if not url:
            raise ClientUnusable(
                f"the profile {profile} has no endpoint_url; name the system with --endpoint, because tabard "
                "never calls AWS"
            )
        session.endpoint = _checked(str(url), session)
        region = session.get_config_variable("region") or os.environ.get(_REGION_VARIABLE) or _REGION
        if session.get_credentials() is None:
            raise ClientUnusable(
                "there are no AWS credentials: no AWS_ACCESS_KEY_ID, no profile and no metadata service has "
                "any; name a profile with --profile"
            )
    except BotoCoreError as error:
        raise ClientUnusable(str(error)) from error
    return SystemClient(endpoint=session.endpoint, region=str(region), session=session, own_settings=True)


def _checked(url: str, session: OneEndpointSession) -> str:
    """Return the endpoint without its last slash. Raises ClientUnusable if it is none, or AWS's own."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query:
        raise ClientUnusable(f"{url} is not an endpoint; write it like http://127.0.0.1:4580")
    for suffix in _suffixes_of_aws(session):
        if host == suffix or host.endswith(f".{suffix}"):
            raise ClientUnusable(f"{url} is AWS's own endpoint, and tabard never calls AWS")
    return url.rstrip("/")


def _suffixes_of_aws(session: OneEndpointSession) -> frozenset[str]:
    """Return the domains of AWS's endpoints in every partition, as botocore knows them."""
    known = session.get_component("data_loader").load_data("partitions")
    return frozenset(
        str(partition["outputs"][name])
        for partition in known["partitions"]
        for name in ("dnsSuffix", "dualStackDnsSuffix")
        if name in partition["outputs"]
    )
