"""The forwarded operations on multipart uploads."""

from tabard.services.accepted_members import accepted
from tabard.services.operation import Forward, Operation
from tabard.services.s3.absence import absent_source
from tabard.services.s3.checks import copying_object, on_object, writing_object
from tabard.services.s3.members import CHECKSUMS, CONTENT, COPYING, DESCRIBING, OBJECT, READS, WRITES

OPERATIONS: tuple[Operation, ...] = (
    Forward(
        "CreateMultipartUpload",
        writing_object(creates=False),
        accepted(*OBJECT, *DESCRIBING, "ChecksumAlgorithm", "ChecksumType"),
        actions=WRITES,
    ),
    Forward(
        "UploadPart",
        writing_object(creates=False),
        accepted(*OBJECT, *CONTENT, "PartNumber", "UploadId"),
        actions=WRITES,
    ),
    Forward(
        "UploadPartCopy",
        copying_object(creates=False),
        accepted(*OBJECT, *COPYING, "CopySourceRange", "PartNumber", "UploadId"),
        absence=absent_source,
        actions=(*READS, *WRITES),
    ),
    Forward(
        "CompleteMultipartUpload",
        writing_object(creates=True),
        accepted(
            *OBJECT,
            *CHECKSUMS,
            "MultipartUpload.Parts.ETag",
            "MultipartUpload.Parts.PartNumber",
            *(f"MultipartUpload.Parts.{checksum}" for checksum in CHECKSUMS),
            "UploadId",
            "ChecksumType",
            "MpuObjectSize",
            "IfMatch",
            "IfNoneMatch",
        ),
        actions=WRITES,
    ),
    Forward("AbortMultipartUpload", on_object("s3:AbortMultipartUpload"), accepted(*OBJECT, "UploadId")),
    Forward(
        "ListParts",
        on_object("s3:ListMultipartUploadParts"),
        accepted(*OBJECT, "MaxParts", "PartNumberMarker", "UploadId"),
        actions=("s3:ListMultipartUploadParts",),
    ),
)
