"""One request of every service that is in order, for tests to spoil."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlencode

from tests.support.raw_http import FORM, Key, Request, send, signed, unsigned
from tests.support.running_system import RunningSystem

HOSTS_TARGET = "TabardHosts_20261101"
HOME_REGION = "us-east-1"
SERVICES = ("iam", "sts", "ec2", "s3", "dynamodb", "sqs", "hosts")

_FORMS = {
    "iam": b"Action=ListRoles&Version=2010-05-08",
    "sts": b"Action=GetCallerIdentity&Version=2011-06-15",
    "ec2": b"Action=DescribeInstances&Version=2016-11-15",
    "sqs-query": b"Action=ListQueues&Version=2012-11-05",
}
_TARGETS = {
    "dynamodb": ("DynamoDB_20120810.ListTables", "1.0"),
    "sqs": ("AmazonSQS.ListQueues", "1.0"),
    "hosts": (f"{HOSTS_TARGET}.DescribeHostInstances", "1.1"),
}


def form(system: RunningSystem, body: bytes) -> Request:
    """An unsigned request of the query protocols."""
    return unsigned(system, "POST", "/", headers=(("content-type", FORM),), body=body)


def target(system: RunningSystem, name: str, body: bytes = b"{}", *, version: str = "1.0") -> Request:
    """An unsigned request of the JSON protocols."""
    headers = (("content-type", f"application/x-amz-json-{version}"), ("x-amz-target", name))
    return unsigned(system, "POST", "/", headers=headers, body=body)


def put_object(
    system: RunningSystem,
    bucket: str,
    key: str,
    body: bytes = b"content",
    *,
    headers: Iterable[tuple[str, str]] = (),
) -> Request:
    """An unsigned PutObject."""
    return unsigned(
        system,
        "PUT",
        f"/{bucket}/{key}?x-id=PutObject",
        headers=(("content-type", "text/plain"), *headers),
        body=body,
    )


def valid(system: RunningSystem, service: str, *, bucket: str = "", host_id: str = "") -> Request:
    """What a caller who may do anything is answered 200 to, not yet signed."""
    if service in _FORMS:
        return form(system, _FORMS[service])
    if service == "s3":
        return put_object(system, bucket, "key")
    name, version = _TARGETS[service]
    body = b'{"HostId":"%s","KnownVersion":-1,"WaitSeconds":0}' % host_id.encode() if host_id else b"{}"
    return target(system, name, body, version=version)


def put_role_policy(system: RunningSystem, role_name: str, *, effect: str, action: str) -> Request:
    """An unsigned PutRolePolicy of one statement on everything."""
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    fields = {
        "Action": "PutRolePolicy",
        "Version": "2010-05-08",
        "RoleName": role_name,
        "PolicyName": "policy",
        "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    }
    return form(system, urlencode(fields).encode())


def local_host(system: RunningSystem) -> tuple[Key, str]:
    """The key and the id of the host that `tabard up` itself runs."""
    held = json.loads((system.data_dir / "host.json").read_text(encoding="utf-8"))
    key = Key(access_key_id=held["access_key_id"], secret_access_key=held["secret_access_key"])
    told = send(system, signed(form(system, _FORMS["sts"]), key, "sts"))
    # It may not ask who it is, for it calls `hosts` alone; the denial names it.
    found = re.search(rb":host/(h-[0-9a-f]{17}) is not authorized", told.body)
    assert found, told
    return key, found[1].decode()


def with_query(request: Request, query: str) -> Request:
    """With another query string."""
    return replace(request, target=f"{request.target.partition('?')[0]}?{query}")
