"""The checks that each S3 operation needs.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html and the
Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from tabard.access.check import Check
from tabard.services.operation import Facts
from tabard.services.s3.copy_source import copy_source
from tabard.services.s3.errors import (
    AccessControlListNotSupported,
    InvalidArgument,
    NotImplementedByUpstream,
)
from tabard.services.s3.names import (
    check_bucket_token,
    check_continuation_token,
    check_prefix,
    check_upload_id,
    checked_bucket,
    checked_key,
)
from tabard.services.s3.region import check_location
from tabard.wire.input_errors import MalformedXML
from tabard.wire.request import Value

Input = Mapping[str, Value]
Context = dict[str, tuple[str, ...]]
Checks = Callable[[Input, Facts], Sequence[Check]]

MOST_KEYS_AT_ONCE = 1000
_MILLISECOND = timedelta(milliseconds=1)

_CONTEXT_KEYS = {
    "ACL": "s3:x-amz-acl",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ObjectOwnership": "s3:x-amz-object-ownership",
    "StorageClass": "s3:x-amz-storage-class",
}
_LISTED_FROM = ("Prefix", "StartAfter", "KeyMarker")
_LISTING_KEYS = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}


def on_all_buckets(arguments: Input, facts: Facts) -> Sequence[Check]:
    """Require `s3:ListAllMyBuckets` on `*` for ListBuckets."""
    check_prefix(arguments.get("Prefix"))
    check_bucket_token(arguments.get("ContinuationToken"))
    return (Check(action="s3:ListAllMyBuckets", resource="*", context=_context(arguments, facts)),)


def on_bucket(action: str) -> Checks:
    """Require `action` on the bucket."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        context = _context(arguments, facts)
        for member in _LISTED_FROM:
            check_prefix(arguments.get(member))
        check_continuation_token(arguments.get("ContinuationToken"))
        check_upload_id(arguments.get("UploadIdMarker"))
        for member, key in _LISTING_KEYS.items():
            value = arguments.get(member)
            if value is not None:
                context[key] = (str(value),)
        return (Check(action=action, resource=_bucket(arguments, facts), context=context),)

    return checks


def creating_bucket(arguments: Input, facts: Facts) -> Sequence[Check]:
    """Require `s3:CreateBucket` for CreateBucket. Unsupported settings are refused, never ignored.

    Raises:
        AccessControlListNotSupported (400), NotImplementedByUpstream (501); IllegalLocationConstraint,
        InvalidLocationConstraint (400).
    Differs: buckets have no ACLs and no tags, and the bucket's owner owns every object.
    """
    if arguments.get("ACL") not in (None, "private"):
        raise AccessControlListNotSupported
    if arguments.get("ObjectOwnership") not in (None, "BucketOwnerEnforced"):
        raise NotImplementedByUpstream(member="ObjectOwnership")
    context = _context(arguments, facts)
    configuration = arguments.get("CreateBucketConfiguration")
    location: str | None = None
    if isinstance(configuration, dict):
        if unknown := configuration.keys() - {"LocationConstraint"}:
            raise NotImplementedByUpstream(member=", ".join(sorted(unknown)))
        for location in map(str, configuration.values()):
            context["s3:locationconstraint"] = (location,)
    check_location(location, home=facts.region)
    return (Check(action="s3:CreateBucket", resource=_bucket(arguments, facts), context=context),)


def on_object(action: str, *, version_action: str | None = None) -> Checks:
    """Require `action` on the object, or `version_action` if the request names a version."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        check_upload_id(arguments.get("UploadId"))
        context = _context(arguments, facts)
        version_id = arguments.get("VersionId")
        named = action
        if isinstance(version_id, str) and version_action is not None:
            context["s3:versionid"] = (version_id,)
            named = version_action
        return (Check(action=named, resource=_object(arguments, facts), context=context),)

    return checks


def writing_object(*, creates: bool) -> Checks:
    """Require `s3:PutObject`.

    `creates`: whether an object exists afterwards; a part of an upload is not one yet.
    AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    Differs: objects have no tags; a request with tags gets 501, because `s3:ExistingObjectTag` would never
        contain them.
    """

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        if arguments.get("ACL") not in (None, "bucket-owner-full-control"):
            raise AccessControlListNotSupported
        check_upload_id(arguments.get("UploadId"))
        resource = _object(arguments, facts)
        context = _context(arguments, facts)
        context["s3:objectcreationoperation"] = ("true" if creates else "false",)
        return (Check(action="s3:PutObject", resource=resource, context=context),)

    return checks


def copying_object(*, creates: bool) -> Checks:
    """Require reading the source and writing the destination, for CopyObject and UploadPartCopy.

    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html ("Permissions").
    """
    writing = writing_object(creates=creates)

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        source = copy_source(arguments.get("CopySource"))
        path = f"{source.bucket}/{source.key}"
        context = _facts_context(facts)
        action = "s3:GetObject"
        if source.version_id is not None:
            action = "s3:GetObjectVersion"
            context["s3:versionid"] = (source.version_id,)
        return [
            Check(action=action, resource=_arn(facts, path), context=context),
            *(
                Check(
                    action=check.action,
                    resource=check.resource,
                    context={**check.context, "s3:x-amz-copy-source": (path,)},
                )
                for check in writing(arguments, facts)
            ),
        ]

    return checks


def deleting_objects(arguments: Input, facts: Facts) -> Sequence[Check]:
    """Return one check for each key of DeleteObjects; AWS answers each denied key by itself."""
    bucket = checked_bucket(arguments.get("Bucket"))
    context = _context(arguments, facts)
    return [
        Check(
            action="s3:DeleteObject" if version_id is None else "s3:DeleteObjectVersion",
            resource=_arn(facts, f"{bucket}/{key}"),
            context=context if version_id is None else {**context, "s3:versionid": (version_id,)},
        )
        for key, version_id in keys_to_delete(arguments)
    ]


def keys_to_delete(arguments: Input) -> Sequence[tuple[str, str | None]]:
    """Return the keys and versions of a DeleteObjects: 1 to 1,000.

    Raises:
        MalformedXML (400): no key, or too many. InvalidArgument, InvalidObjectKey (400).
        NotImplementedByUpstream (501): a condition that the upstream does not support.
    """
    delete = arguments.get("Delete")
    objects = delete.get("Objects") if isinstance(delete, dict) else None
    if not isinstance(objects, list) or not 1 <= len(objects) <= MOST_KEYS_AT_ONCE:
        raise MalformedXML
    named = []
    for item in objects:
        if not isinstance(item, dict):
            raise InvalidArgument(reason="Each object to delete has a key.")
        if unknown := item.keys() - {"Key", "VersionId", "ETag"}:
            raise NotImplementedByUpstream(member=", ".join(sorted(unknown)))
        version_id = item.get("VersionId")
        named.append((checked_key(item.get("Key")), version_id if isinstance(version_id, str) else None))
    return named


def _arn(facts: Facts, resource: str) -> str:
    return f"arn:{facts.partition}:s3:::{resource}"


def _bucket(arguments: Input, facts: Facts) -> str:
    return _arn(facts, checked_bucket(arguments.get("Bucket")))


def _object(arguments: Input, facts: Facts) -> str:
    return _arn(facts, f"{checked_bucket(arguments.get('Bucket'))}/{checked_key(arguments.get('Key'))}")


def _context(arguments: Input, facts: Facts) -> Context:
    keys = _facts_context(facts)
    for member, key in _CONTEXT_KEYS.items():
        value = arguments.get(member)
        if isinstance(value, str):
            keys[key] = (value,)
    return keys


def _facts_context(facts: Facts) -> Context:
    """Return the condition keys of every request, such as its signature's age in milliseconds.

    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
    """
    return {
        "s3:x-amz-content-sha256": (facts.payload_hash,),
        "s3:signatureage": (str(max(0, (facts.now - facts.signed_at) // _MILLISECOND)),),
        "s3:authtype": ("REST-HEADER",),
        "s3:signatureversion": ("AWS4-HMAC-SHA256",),
        "s3:resourceaccount": (facts.account_id,),
    }
