"""Reading one file of the data directory. Every failure is one sentence for the operator."""

import errno
import json
import os
import stat
from pathlib import Path

_LARGEST_BYTES = 1024 * 1024
_CANNOT_OPEN = {
    errno.ELOOP: "is a symbolic link",
    errno.ENXIO: "is not a plain file",
    errno.ENOTDIR: "is below something that is not a folder",
}
_NO_RIGHT = "; give the user of tabard up the right to it, or name another data directory"
_ADVICE = {
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EEXIST: "; move it away",
    errno.EISDIR: "; move it away",
    errno.ENOTDIR: "; move it away",
    errno.ENOSPC: "; free some space",
    errno.EROFS: "; name a data directory that can be written to",
}


class DataFileUnusable(Exception):
    """A file is damaged or belongs to another user. The message gives file and remedy."""


def read_own_file(path: Path, *, advice: str) -> bytes | None:
    """Read a plain file of this user or of root. Return None if there is no such file.

    It follows no link, and refuses a pipe instead of waiting for it.

    Args:
        advice: the operator's remedy for an unusable file, an imperative clause without a full stop.
    Raises:
        DataFileUnusable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        said = _CANNOT_OPEN.get(error.errno or 0, f"cannot be read ({error.strerror})")
        raise DataFileUnusable(f"{path} {said}; {advice}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a plain file"
            raise DataFileUnusable(f"{path} is {kind}; {advice}")
        if status.st_uid not in (0, os.geteuid()):
            raise DataFileUnusable(f"{path} belongs to another user (uid {status.st_uid}); {advice}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(_LARGEST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST_BYTES:
        raise DataFileUnusable(f"{path} is damaged (it has more than {_LARGEST_BYTES} bytes); {advice}")
    return content


def read_own_object(path: Path, *members: str, advice: str) -> dict[str, object] | None:
    """Read a JSON object whose `members` are non-empty strings. Return None if there is no such file.

    Raises:
        DataFileUnusable.
    """
    content = read_own_file(path, advice=advice)
    if content is None:
        return None
    damage = "it is empty" if not content.strip() else "it is not JSON"
    try:
        found = json.loads(content)
    except ValueError:  # not JSON, or not UTF-8
        raise DataFileUnusable(f"{path} is damaged ({damage}); {advice}") from None
    if not isinstance(found, dict):
        raise DataFileUnusable(f"{path} is damaged (it is not a JSON object); {advice}")
    for member in members:
        if not isinstance(found.get(member), str) or not found[member]:
            raise DataFileUnusable(f"{path} is damaged (it has no {member}); {advice}")
    return found


def require_plain_file(path: Path) -> None:
    """Refuse a folder, a link or a pipe of this name, which Tabard could not replace.

    Raises:
        DataFileUnusable.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a plain file"
        raise DataFileUnusable(f"{path} is {kind}; move it away")


def advice_about(error: OSError) -> str:
    """Return the remedy that follows the sentence about the fault; it may be empty."""
    return _ADVICE.get(error.errno or 0, "")
