"""What each S3 operation needs to be allowed.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html and the
Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl, unquote

from tabard.access.check import Check
from tabard.services.operation import Facts
from tabard.services.s3.errors import (
    AccessControlListNotSupported,
    InvalidArgument,
    InvalidBucketName,
    InvalidObjectKey,
)
from tabard.services.s3.keys import refused_key_reason, refused_prefix_reason
from tabard.wire.request import Value

Input = Mapping[str, Value]
Context = dict[str, tuple[str, ...]]

# INVARIANT: no slash and no dot segment can hide in a bucket name: it is one segment of the upstream path.
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]")
_IPV4_SHAPE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")

_CONTEXT_KEYS = {
    "ACL": "s3:x-amz-acl",
    "StorageClass": "s3:x-amz-storage-class",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
}
_LISTED_FROM = ("Prefix", "StartAfter", "KeyMarker")


def _arn(facts: Facts, resource: str) -> str:
    return f"arn:{facts.partition}:s3:::{resource}"


def checked_bucket(name: Value) -> str:
    """A bucket name by AWS's rules. Raises InvalidBucketName."""
    if not isinstance(name, str) or not _BUCKET_NAME.fullmatch(name) or _IPV4_SHAPE.fullmatch(name):
        raise InvalidBucketName
    return name


def checked_key(key: Value) -> str:
    """A key that the upstream keeps as it is. Raises InvalidObjectKey."""
    if not isinstance(key, str):
        raise InvalidArgument(reason="The object key is missing.")
    if (reason := refused_key_reason(key)) is not None:
        raise InvalidObjectKey(reason=reason)
    return key


def _bucket(arguments: Input, facts: Facts) -> str:
    return _arn(facts, checked_bucket(arguments.get("Bucket", "")))


def _object(arguments: Input, facts: Facts) -> str:
    return _arn(facts, f"{checked_bucket(arguments.get('Bucket', ''))}/{checked_key(arguments.get('Key', ''))}")


def _context(arguments: Input, facts: Facts) -> Context:
    keys: Context = {
        "s3:authtype": ("REST-HEADER",),
        "s3:signatureversion": ("AWS4-HMAC-SHA256",),
        "s3:resourceaccount": (facts.account_id,),
        "aws:resourceaccount": (facts.account_id,),
    }
    for member, key in _CONTEXT_KEYS.items():
        value = arguments.get(member)
        if isinstance(value, str):
            keys[key] = (value,)
    return keys


def on_all_buckets(arguments: Input, facts: Facts) -> Sequence[Check]:
    """ListBuckets: `s3:ListAllMyBuckets` on `*`."""
    return (Check(action="s3:ListAllMyBuckets", resource="*", context=_context(arguments, facts)),)


def on_bucket(action: str) -> Callable[[Input, Facts], Sequence[Check]]:
    """One check of `action` on the bucket."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        context = _context(arguments, facts)
        for member in _LISTED_FROM:
            value = arguments.get(member)
            if isinstance(value, str) and (reason := refused_prefix_reason(value)) is not None:
                raise InvalidObjectKey(reason=reason)
        for member, key in (("Prefix", "s3:prefix"), ("Delimiter", "s3:delimiter"), ("MaxKeys", "s3:max-keys")):
            value = arguments.get(member)
            if value is not None:
                context[key] = (str(value),)
        configuration = arguments.get("CreateBucketConfiguration")
        if isinstance(configuration, dict) and isinstance(configuration.get("LocationConstraint"), str):
            context["s3:locationconstraint"] = (str(configuration["LocationConstraint"]),)
        if arguments.get("ACL") not in (None, "private"):
            raise AccessControlListNotSupported
        return (Check(action=action, resource=_bucket(arguments, facts), context=context),)

    return checks


def on_object(
    action: str, *, version_action: str | None = None
) -> Callable[[Input, Facts], Sequence[Check]]:
    """One check of `action` on the object; of `version_action` where a version is named."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        context = _context(arguments, facts)
        version = arguments.get("VersionId")
        named = action
        if isinstance(version, str) and version_action is not None:
            context["s3:versionid"] = (version,)
            named = version_action
        return (Check(action=named, resource=_object(arguments, facts), context=context),)

    return checks


def writing_object(arguments: Input, facts: Facts) -> Sequence[Check]:
    """PutObject and its kind: `s3:PutObject`, and `s3:PutObjectTagging` where tags come along."""
    if arguments.get("ACL") not in (None, "bucket-owner-full-control"):
        raise AccessControlListNotSupported
    resource = _object(arguments, facts)
    context = _context(arguments, facts)
    checks = [Check(action="s3:PutObject", resource=resource, context=context)]
    tagging = arguments.get("Tagging")
    if isinstance(tagging, str) and tagging:
        tags = parse_qsl(tagging, keep_blank_values=True)
        context.update({f"s3:requestobjecttag/{key.lower()}": (value,) for key, value in tags})
        context["s3:requestobjecttagkeys"] = tuple(key for key, _ in tags)
        checks.append(Check(action="s3:PutObjectTagging", resource=resource, context=context))
    return tuple(checks)


def copying_object(arguments: Input, facts: Facts) -> Sequence[Check]:
    """CopyObject and UploadPartCopy: read the source, write the destination, and their tags.

    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html ("Permissions").
    """
    bucket, key, version = copy_source(arguments)
    context = _context(arguments, facts)
    if version is not None:
        context["s3:versionid"] = (version,)
    source = _arn(facts, f"{bucket}/{key}")
    checks = [
        Check(
            action="s3:GetObject" if version is None else "s3:GetObjectVersion",
            resource=source,
            context=context,
        )
    ]
    for check in writing_object(arguments, facts):
        checks.append(
            Check(
                action=check.action,
                resource=check.resource,
                context={**check.context, "s3:x-amz-copy-source": (f"{bucket}/{key}",)},
            )
        )
    return tuple(checks)


def copy_source(arguments: Input) -> tuple[str, str, str | None]:
    """Bucket, key and version of `CopySource`: `bucket/key?versionId=…`, percent-encoded."""
    source = arguments.get("CopySource")
    if not isinstance(source, str):
        raise InvalidArgument(reason="Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    path, mark, version = source.partition("?versionId=")
    try:
        bucket, slash, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise InvalidArgument(reason="Copy Source is not valid UTF-8") from None
    if not slash or not key:
        raise InvalidArgument(reason="Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return checked_bucket(bucket), checked_key(key), version if mark else None


def deleting_objects(arguments: Input, facts: Facts) -> Sequence[Check]:
    """DeleteObjects: one check for each key; AWS answers those that are denied one by one."""
    bucket = checked_bucket(arguments.get("Bucket", ""))
    context = _context(arguments, facts)
    checks = []
    for key, version in keys_to_delete(arguments):
        versioned = {**context, "s3:versionid": (version,)} if version is not None else context
        checks.append(
            Check(
                action="s3:DeleteObject" if version is None else "s3:DeleteObjectVersion",
                resource=_arn(facts, f"{bucket}/{checked_key(key)}"),
                context=versioned,
            )
        )
    return tuple(checks)


def keys_to_delete(arguments: Input) -> Sequence[tuple[str, str | None]]:
    """The keys and versions that a DeleteObjects names: 1 to 1,000."""
    delete = arguments.get("Delete")
    objects = delete.get("Objects") if isinstance(delete, dict) else None
    if not isinstance(objects, list) or not 1 <= len(objects) <= 1000:
        raise InvalidArgument(reason="A DeleteObjects request names 1 to 1000 keys.")
    named = []
    for item in objects:
        if not isinstance(item, dict) or not isinstance(item.get("Key"), str):
            raise InvalidArgument(reason="Each object to delete has a key.")
        version = item.get("VersionId")
        named.append((str(item["Key"]), version if isinstance(version, str) else None))
    return named
