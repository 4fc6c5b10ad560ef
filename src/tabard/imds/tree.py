"""The documents of the instance metadata service: paths to values, without clock, HTTP or state.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from urllib.parse import unquote

from tabard.imds.source import CredentialsView, RefusedCredentials, ServedCredentials
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile, InstanceTag

VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2024-04-11",
    "latest",
)

PLAIN = "text/plain"
OCTETS = "application/octet-stream"

_NO_ROLE = (
    "Instance Profile does not contain a role. Please see documentation at "
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html."
)


@dataclass(frozen=True, slots=True)
class Document:
    """One value; plain values carry no trailing newline."""

    body: bytes = field(repr=False)
    content_type: str = PLAIN


@dataclass(frozen=True, slots=True)
class Reading:
    """What one path answers: 200 with a document or a listing, 404, or 503 without credentials at hand."""

    status: Literal[200, 404, 503]
    document: Document = Document(b"")


class _Unavailable:
    """A document that exists, and that cannot be given just now."""


Node: TypeAlias = "Document | _Unavailable | Mapping[str, Node]"

_MISSING = Reading(404)
_UNAVAILABLE = Reading(503)


def read(path: str, facts: DesiredInstance, credentials: CredentialsView) -> Reading:
    """Look up one path, as sent (percent-encoded, without query).

    A directory answers its listing with and without a trailing slash; a value answers with one too, because
    AWS's SDKs ask `placement/availability-zone/`.
    Differs: a dated version shows every category, not only those that existed at its date.
    """
    if not path.startswith("/"):
        return _MISSING
    names = [unquote(name, errors="replace") for name in path[1:].split("/")]
    if names[-1] == "":
        names.pop()
    if not names:
        return Reading(200, _text("\n".join(VERSIONS)))
    if names[0] not in VERSIONS:
        return _MISSING
    version = _version(facts, credentials)
    if len(names) == 1:  # the one listing in which EC2 does not mark categories
        return Reading(200, _text("\n".join(version)))
    node: Node = version
    for name in names[1:]:
        if not isinstance(node, Mapping) or name not in node:
            return _MISSING
        node = node[name]
    if isinstance(node, _Unavailable):
        return _UNAVAILABLE
    return Reading(200, node if isinstance(node, Document) else _listing(node))


def _listing(directory: Mapping[str, Node]) -> Document:
    names = [f"{name}/" if isinstance(node, Mapping) else name for name, node in directory.items()]
    return Document("\n".join(names).encode())


def _version(facts: DesiredInstance, credentials: CredentialsView) -> Mapping[str, Node]:
    identity = {"document": _json(_identity_document(facts))}
    nodes: dict[str, Node] = {
        "dynamic": {"instance-identity": identity},
        "meta-data": _meta_data(facts, credentials),
    }
    if facts.user_data:
        nodes["user-data"] = Document(facts.user_data, OCTETS)
    return nodes


def _meta_data(facts: DesiredInstance, credentials: CredentialsView) -> Mapping[str, Node]:
    nodes: dict[str, Node] = {
        "ami-id": _text(facts.image_id),
        "ami-launch-index": _text(str(facts.ami_launch_index)),
        "ami-manifest-path": _text("(unknown)"),
        "hostname": _text(facts.private_dns_name),
        "instance-action": _text("none"),
        "instance-id": _text(facts.instance_id),
        "instance-life-cycle": _text("on-demand"),
        "instance-type": _text(facts.instance_type),
        "local-hostname": _text(facts.private_dns_name),
        "local-ipv4": _text(facts.private_ip_address),
        "mac": _text(facts.mac_address),
        "network": {"interfaces": {"macs": {facts.mac_address: _interface(facts)}}},
        "placement": {
            "availability-zone": _text(facts.availability_zone),
            "region": _text(facts.region),
        },
        "profile": _text("default-hvm"),
        "reservation-id": _text(facts.reservation_id),
        "services": {
            "domain": _text("amazonaws.com.cn" if facts.partition == "aws-cn" else "amazonaws.com"),
            "partition": _text(facts.partition),
        },
    }
    if facts.instance_profile is not None:
        nodes["iam"] = _iam(facts, facts.instance_profile, credentials)
    if facts.metadata_options.instance_metadata_tags == "enabled":
        nodes["tags"] = {"instance": {tag.key: _text(tag.value) for tag in _readable(facts.tags)}}
    return dict(sorted(nodes.items()))


def _interface(facts: DesiredInstance) -> Mapping[str, Node]:
    return {
        "device-number": _text("0"),
        "local-hostname": _text(facts.private_dns_name),
        "local-ipv4s": _text(facts.private_ip_address),
        "mac": _text(facts.mac_address),
        "owner-id": _text(facts.account_id),
        "subnet-id": _text(facts.subnet_id),
        "vpc-id": _text(facts.vpc_id),
    }


def _readable(tags: Iterable[InstanceTag]) -> list[InstanceTag]:
    """The tags that can be a path.

    AWS: "Instance tag keys can't include spaces or /, and can't comprise only . (one period), .. (two
    periods), or _index". https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
    """
    return [
        tag
        for tag in tags
        if tag.key not in ("", ".", "..", "_index") and not any(c.isspace() or c == "/" for c in tag.key)
    ]


def _iam(
    facts: DesiredInstance, instance_profile: DesiredInstanceProfile, credentials: CredentialsView
) -> Mapping[str, Node]:
    """The iam category.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html, "What do the errors from
    the info document in the IAM subtree mean?"
    Differs: a role taken out of its instance profile is gone from here at once, not at the next refresh.
    """
    # INVARIANT: credentials of any other association or role than the present one are never shown.
    mine = (
        credentials
        if credentials is not None
        and credentials.association_id == instance_profile.association_id
        and credentials.role_id == instance_profile.role_id
        else None
    )
    info = {
        "Code": "Success",
        "LastUpdated": _time(facts.launched_at if mine is None else mine.last_updated),
        "InstanceProfileArn": instance_profile.instance_profile_arn,
        "InstanceProfileId": instance_profile.instance_profile_id,
    }
    if not instance_profile.role_name:
        return {"info": _json({**info, "Message": _NO_ROLE})}
    if isinstance(mine, RefusedCredentials) and mine.code == "InstanceProfileNotFound":
        return {
            "info": _json({"Code": mine.code, "Message": mine.message, "LastUpdated": info["LastUpdated"]})
        }
    return {
        "info": _json(info),
        "security-credentials": {instance_profile.role_name: _credentials(mine)},
    }


def _credentials(credentials: CredentialsView) -> Node:
    match credentials:
        case None:
            return _Unavailable()
        case RefusedCredentials():
            return _json(
                {
                    "Code": credentials.code,
                    "Message": credentials.message,
                    "LastUpdated": _time(credentials.last_updated),
                }
            )
        case ServedCredentials():  # pragma: no branch - the match is exhaustive
            return _json(
                {
                    "Code": "Success",
                    "LastUpdated": _time(credentials.last_updated),
                    "Type": "AWS-HMAC",
                    "AccessKeyId": credentials.access_key_id,
                    "SecretAccessKey": credentials.secret_access_key,
                    "Token": credentials.session_token,
                    "Expiration": _time(credentials.expires_at),
                }
            )


def _identity_document(facts: DesiredInstance) -> Mapping[str, str | None]:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html

    Differs: no signature, pkcs7 or rsa2048: only AWS can sign as AWS.
    """
    return {
        "accountId": facts.account_id,
        "architecture": facts.architecture,
        "availabilityZone": facts.availability_zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": facts.image_id,
        "instanceId": facts.instance_id,
        "instanceType": facts.instance_type,
        "kernelId": None,
        "pendingTime": _time(facts.launched_at),
        "privateIp": facts.private_ip_address,
        "ramdiskId": None,
        "region": facts.region,
        "version": "2017-09-30",
    }


def _text(value: str) -> Document:
    return Document(value.encode())


def _json(members: Mapping[str, str | None]) -> Document:
    """EC2's own layout, `  "Code" : "Success",`, as text/plain."""
    return Document(json.dumps(members, indent=2, separators=(",", " : "), ensure_ascii=False).encode())


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
