"""A shell set up for production on AWS: keys, profiles and files whose every endpoint would be AWS's."""

import os
from ipaddress import ip_address
from pathlib import Path

GUARD = Path(__file__).parent / "loopback_guard"
PRODUCTION_KEY_ID = "AKIAPRODUCTIONEXAMPL"

_CONFIG = """
[default]
region = eu-central-1
endpoint_url = https://sts.amazonaws.com
services = aws

[services aws]
sts =
  endpoint_url = https://sts.eu-central-1.amazonaws.com
iam =
  endpoint_url = https://iam.amazonaws.com

[profile production]
region = eu-central-1
ignore_configured_endpoint_urls = true
role_arn = arn:aws:iam::999988887777:role/deploy
source_profile = default

[profile sign-on]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
sso_account_id = 999988887777
sso_role_name = admin

[profile of-aws]
endpoint_url = https://iam.us-gov-west-1.amazonaws.com
aws_access_key_id = AKIAPRODUCTIONEXAMPL
aws_secret_access_key = production-secret-production-secret-1234

[profile nowhere]
region = eu-central-1
aws_access_key_id = AKIAPRODUCTIONEXAMPL
aws_secret_access_key = production-secret-production-secret-1234
"""
_CREDENTIALS = """
[default]
aws_access_key_id = AKIAPRODUCTIONEXAMPL
aws_secret_access_key = production-secret-production-secret-1234
"""


def production_files(folder: Path, more: str = "") -> dict[str, str]:
    """The files alone, as variables; `more` is added to the configuration."""
    (folder / "aws-config").write_text(_CONFIG + more)
    (folder / "aws-credentials").write_text(_CREDENTIALS)
    return {
        "AWS_CONFIG_FILE": str(folder / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws-credentials"),
    }


def production_shell(folder: Path) -> dict[str, str]:
    """Every variable that leads an AWS client to production, and no AWS_ENDPOINT_URL."""
    return {
        **production_files(folder),
        "AWS_ACCESS_KEY_ID": PRODUCTION_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": "production-secret-production-secret-1234",
        "AWS_SESSION_TOKEN": "production-token",
        "AWS_PROFILE": "production",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_ENDPOINT_URL_STS": "https://sts.eu-central-1.amazonaws.com",
        "AWS_ENDPOINT_URL_IAM": "https://iam.amazonaws.com",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "HTTPS_PROXY": "http://proxy.example.com:3128",
        "HTTP_PROXY": "http://proxy.example.com:3128",
    }


def guarded(environment: dict[str, str], notes: Path) -> dict[str, str]:
    """The environment of a Python process that notes, and refuses, whatever is not on loopback."""
    path = os.pathsep.join(filter(None, (str(GUARD), environment.get("PYTHONPATH", ""))))
    return {**environment, "PYTHONPATH": path, "LOOPBACK_GUARD": str(notes)}


def asked_beyond_loopback(notes: Path) -> set[str]:
    """The names and addresses that were asked and are not of loopback."""
    return {host for host in _asked(notes) if not _is_loopback(host)}


def asked_loopback(notes: Path) -> bool:
    """Whether the guard was there and saw anything at all."""
    return any(map(_is_loopback, _asked(notes)))


def _asked(notes: Path) -> set[str]:
    return set(notes.read_text().splitlines()) if notes.exists() else set()


def _is_loopback(host: str) -> bool:
    try:
        return host in ("localhost", "") or ip_address(host).is_loopback
    except ValueError:
        return False
