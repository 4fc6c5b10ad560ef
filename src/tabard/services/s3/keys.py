"""The keys and buckets that the embedded store keeps unchanged; the edge refuses all others.

SeaweedFS stores objects in a tree of folders. A key that it stores under another name bypasses a Deny on the
requested name. A key that it hides or cannot list is an object that nobody finds. Every line here was
measured (SeaweedFS 4.48); the table of `tests/support/s3_keys.py` is that measurement.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
Differs: AWS accepts every key of at most 1,024 bytes, including these.
"""

import re

KEY_LIMIT_BYTES = 1024
SEGMENT_LIMIT_BYTES = 255

# The store answers 200 to every request at these two paths, and makes no bucket.
_TAKEN_BUCKETS = frozenset({"healthz", "status"})

# XML 1.0 cannot express these; the store's listing shows U+FFFD in their place.
_ORDINARY = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\.[A-Za-z0-9]+)?")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def refused_key_reason(key: str) -> str | None:
    """Return why a key is refused, as the end of a sentence; None for an accepted key."""
    if len(key) <= SEGMENT_LIMIT_BYTES and _ORDINARY.fullmatch(key) is not None:
        return None  # nearly all keys: none of the cases below can occur
    if not key:
        return "is empty"
    if key.endswith("/"):
        # The store loses the content of such an object, and deleting `a` deletes `a/`.
        return "ends with a slash, which the store takes for a folder"
    return _rewritten(key) or _hidden(key) or _too_long(key)


def refused_bucket_reason(bucket: str) -> str | None:
    """Return why a bucket name that AWS allows is refused; None for an accepted name."""
    return "is a path of the store's own" if bucket in _TAKEN_BUCKETS else None


def refused_prefix_reason(prefix: str) -> str | None:
    """Return why a listing's prefix, marker or start-after is refused; None for an accepted one.

    The store reads `secret//` and `/secret` as `secret/` and `secret`, which bypasses a condition on
    `s3:prefix`.
    """
    return _rewritten(prefix) or _too_long(prefix)


def _rewritten(text: str) -> str | None:
    if text.startswith("/"):
        return "begins with a slash, which the store drops"
    if "//" in text:
        return "has two slashes in a row, which the store reads as one"
    if "\\" in text:
        return "has a backslash, which the store reads as a slash"
    if any(segment in (".", "..") for segment in text.split("/")):
        return "has a segment that is . or .., which the store takes for a folder"
    if _NOT_XML.search(text):
        return "has a character that the store's listing cannot show"
    return None


def _hidden(key: str) -> str | None:
    segments = key.split("/")
    if ".uploads" in segments:
        return "has the segment .uploads, where the store keeps unfinished uploads"
    if any(folder.endswith(".versions") for folder in segments[:-1]):
        return "has a segment that ends with .versions, where the store keeps old versions"
    return None


def _too_long(text: str) -> str | None:
    if len(text.encode("utf-8", "surrogatepass")) > KEY_LIMIT_BYTES:
        return f"is longer than {KEY_LIMIT_BYTES} bytes in UTF-8"
    if any(
        len(segment.encode("utf-8", "surrogatepass")) > SEGMENT_LIMIT_BYTES for segment in text.split("/")
    ):
        return (
            f"has a segment longer than {SEGMENT_LIMIT_BYTES} bytes in UTF-8, more than a file name can have"
        )
    return None
