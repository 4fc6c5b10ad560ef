"""The forwarded operations on objects."""

from tabard.services.accepted_members import accepted
from tabard.services.operation import Forward, Operation
from tabard.services.s3.absence import absent_object, absent_source
from tabard.services.s3.checks import copying_object, deleting_objects, on_object, writing_object
from tabard.services.s3.members import BUCKET, CONTENT, COPYING, DESCRIBING, OBJECT, READING, READS, WRITES

_READ = accepted(*READING)
_COPIED = accepted(*OBJECT, *DESCRIBING, *COPYING, "MetadataDirective", "ChecksumAlgorithm")
_DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion")
_READ_BY = on_object("s3:GetObject", version_action="s3:GetObjectVersion")

OPERATIONS: tuple[Operation, ...] = (
    Forward("HeadObject", _READ_BY, _READ, absence=absent_object, actions=READS),
    Forward("GetObject", _READ_BY, _READ, absence=absent_object, actions=READS),
    Forward(
        "PutObject",
        writing_object(creates=True),
        accepted(*OBJECT, *DESCRIBING, *CONTENT, "IfMatch", "IfNoneMatch"),
    ),
    Forward(
        "CopyObject",
        copying_object(creates=True),
        _COPIED,
        absence=absent_source,
        actions=(*READS, *WRITES),
    ),
    Forward(
        "DeleteObject",
        on_object("s3:DeleteObject", version_action="s3:DeleteObjectVersion"),
        accepted(*OBJECT, "IfMatch"),
        actions=_DELETES,
    ),
    Forward(
        "DeleteObjects",
        deleting_objects,
        accepted(*BUCKET, "Delete.Objects.Key", "Delete.Objects.ETag", "Delete.Quiet", "ChecksumAlgorithm"),
        each_by_itself=True,
        actions=_DELETES,
    ),
)
