"""The documents of the instance metadata service: paths to values, without clock, HTTP or state.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import unquote

from tabard.imds.meta_data import meta_data
from tabard.imds.nodes import OCTETS, Content, Node, Unavailable, listing, plain, text
from tabard.imds.source import CredentialsView
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult

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


_NOTHING = Content(b"")


@dataclass(frozen=True, slots=True)
class Reading:
    """Answer for one path: 200 with a document or a listing, 404, or 503 if it is temporarily unavailable."""

    status: Literal[200, 404, 503]
    document: Content = _NOTHING


_MISSING = Reading(404)
_UNAVAILABLE = Reading(503)


def read(path: str, documents: Mapping[str, Node]) -> Reading:
    """Look up one path, as sent (percent-encoded, without query), in an instance's documents.

    A directory answers its listing with and without a trailing slash; a value answers with one too, because
    AWS's SDKs ask `placement/availability-zone/`.
    Differs: a dated version shows every category, not only those that existed at its date.
    """
    if not path.startswith("/"):
        return _MISSING
    names = path[1:].split("/")
    if "%" in path:
        names = [unquote(name, errors="replace") for name in names]
    if names[-1] == "":
        names.pop()
    if not names:
        return Reading(200, plain("\n".join(VERSIONS)))
    if names[0] not in VERSIONS:
        return _MISSING
    if len(names) == 1:  # the one listing in which EC2 does not mark categories
        return Reading(200, plain("\n".join(documents)))
    node: Node | None = documents
    for name in names[1:]:
        node = node.get(name) if isinstance(node, Mapping) else None
    if node is None:
        return _MISSING
    if isinstance(node, Mapping):
        return Reading(200, listing(node))
    document = node()
    return _UNAVAILABLE if isinstance(document, Unavailable) else Reading(200, document)


def documents_of(
    instance: DesiredInstance, credentials: CredentialsView, identity: GetInstanceIdentityResult | None
) -> Mapping[str, Node]:
    """Build the whole metadata tree of an instance, under each version."""
    nodes: dict[str, Node] = {
        "dynamic": {
            "fws": {"instance-monitoring": text("disabled")},
            "instance-identity": _instance_identity(identity),
        },
        "meta-data": meta_data(instance, credentials),
    }
    if instance.user_data:
        nodes["user-data"] = partial(Content, instance.user_data, OCTETS)
    return nodes


def _instance_identity(identity: GetInstanceIdentityResult | None) -> Mapping[str, Node]:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html"""
    if identity is None:
        return dict.fromkeys(("document", "pkcs7", "rsa2048", "signature"), Unavailable)
    return {
        "document": text(identity.document),
        "pkcs7": text(identity.pkcs7),
        "rsa2048": text(identity.rsa2048),
        "signature": text(identity.signature),
    }
