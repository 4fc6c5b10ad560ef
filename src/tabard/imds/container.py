"""Container credentials: one document for a caller that presents the authorization token. Pure.

AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import json

from tabard.imds.iam_category import credentials_of_the_present_role
from tabard.imds.nodes import iso_time
from tabard.imds.source import CredentialsView, RefusedCredentials
from tabard.model.messages import DesiredInstance

PATH = "/v1/credentials"
JSON = "application/json"

_NOTHING_YET = ("CredentialsNotAvailable", "There is no session of the instance's role just now; ask again.")
_NO_ROLE = ("NoRole", "The instance has no instance profile that holds a role.")


def container_credentials(instance: DesiredInstance, credentials: CredentialsView) -> tuple[int, bytes]:
    """Return status and body: 200 with the session; 404 without a role; 403 if EC2 may not; or 503."""
    instance_profile = instance.instance_profile
    if instance_profile is None or not instance_profile.role_name:
        return 404, _error(*_NO_ROLE)
    mine = credentials_of_the_present_role(instance_profile, credentials)
    if mine is None:
        return 503, _error(*_NOTHING_YET)
    if isinstance(mine, RefusedCredentials):
        return 403, _error(mine.code, mine.message)
    document = {
        "AccessKeyId": mine.access_key_id,
        "SecretAccessKey": mine.secret_access_key,
        "Token": mine.session_token,
        "Expiration": iso_time(mine.expires_at),
        "AccountId": instance.account_id,
    }
    return 200, json.dumps(document).encode()


def _error(code: str, message: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode()
