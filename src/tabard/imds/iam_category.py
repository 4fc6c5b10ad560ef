"""The `iam` category: the instance's instance profile and its role's credentials. Pure.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html, "What do the errors from the
info document in the IAM subtree mean?"
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from tabard.imds.nodes import Content, Node, Unavailable, iso_time, json_object
from tabard.imds.source import CredentialsView, RefusedCredentials, RemovedRole, ServedCredentials
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile

_SEE = (
    "Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html."
)
_NO_ROLE = f"Instance Profile does not contain a role. {_SEE}"
_NOT_FOUND = f"Instance Profile {{}} cannot be found. {_SEE}"


def iam(
    instance: DesiredInstance, instance_profile: DesiredInstanceProfile, credentials: CredentialsView
) -> Mapping[str, Node] | None:
    """Return the category of an instance with an instance profile; None if it holds no role and never did.

    AWS: "The role has been removed from the instance profile": then `info` is there and says so, as it is and
    does for an instance profile that was deleted. One that was associated without a role has no `iam`
    category: observed on EC2.

    `security-credentials-extended` is what newer SDKs ask first: the same, with the account's id.
    Differs: a role taken out of its instance profile is gone from here at once, not at the next refresh.
    """
    mine = credentials_of_the_present_role(instance_profile, credentials)
    removed_at = _removed_at(instance_profile, credentials)
    role_name = instance_profile.role_name
    if not role_name and not instance_profile.is_deleted and removed_at is None:
        return None
    last_updated = removed_at or (instance.launched_at if mine is None else mine.last_updated)
    nodes: dict[str, Node] = {"info": partial(_info, instance_profile, iso_time(last_updated))}
    if role_name:
        nodes["security-credentials"] = {role_name: partial(_credentials, mine)}
        extended = partial(_credentials, mine, AccountId=instance.account_id)
        nodes["security-credentials-extended"] = {role_name: extended}
    return nodes


def _info(instance_profile: DesiredInstanceProfile, last_updated: str) -> Content:
    if instance_profile.is_deleted:
        sentence = _NOT_FOUND.format(instance_profile.instance_profile_arn)
        return json_object(
            {"Code": "InstanceProfileNotFound", "Message": sentence, "LastUpdated": last_updated}
        )
    info = {
        "Code": "Success",
        "LastUpdated": last_updated,
        "InstanceProfileArn": instance_profile.instance_profile_arn,
        "InstanceProfileId": instance_profile.instance_profile_id,
    }
    return json_object(info if instance_profile.role_name else {**info, "Message": _NO_ROLE})


def _removed_at(instance_profile: DesiredInstanceProfile, credentials: CredentialsView) -> datetime | None:
    if isinstance(credentials, RemovedRole) and credentials.association_id == instance_profile.association_id:
        return credentials.removed_at
    return None


def credentials_of_the_present_role(
    instance_profile: DesiredInstanceProfile, credentials: CredentialsView
) -> ServedCredentials | RefusedCredentials | None:
    """Return the credentials if they belong to this association and its role.

    INVARIANT: credentials of an association or role other than the current one are never shown.
    """
    if (
        isinstance(credentials, ServedCredentials | RefusedCredentials)
        and credentials.association_id == instance_profile.association_id
        and credentials.role_id == instance_profile.role_id
    ):
        return credentials
    return None


def _credentials(
    credentials: ServedCredentials | RefusedCredentials | None, **more: str
) -> Content | Unavailable:
    match credentials:
        case None:
            return Unavailable()
        case RefusedCredentials():
            return json_object(
                {
                    "Code": credentials.code,
                    "Message": credentials.message,
                    "LastUpdated": iso_time(credentials.last_updated),
                }
            )
        case ServedCredentials():  # pragma: no branch - the match is exhaustive
            return json_object(
                {
                    "Code": "Success",
                    "LastUpdated": iso_time(credentials.last_updated),
                    "Type": "AWS-HMAC",
                    "AccessKeyId": credentials.access_key_id,
                    "SecretAccessKey": credentials.secret_access_key,
                    "Token": credentials.session_token,
                    "Expiration": iso_time(credentials.expires_at),
                    **more,
                }
            )
