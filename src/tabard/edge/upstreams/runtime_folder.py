"""The folder of the upstreams' sockets: private, and short enough for a socket's address."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# sun_path holds 108 bytes on Linux and 104 on macOS, the final zero included: unix(7).
SOCKET_PATH_LIMIT_BYTES = 107 if sys.platform == "linux" else 103
LONGEST_SOCKET_NAME_BYTES = 16


class RuntimeFolderUnsafe(Exception):
    """The folder belongs to another user, or others can open it."""


@contextmanager
def runtime_folder(preferred: Path) -> Iterator[Path]:
    """Make a folder of mode 0700 for sockets: `preferred`, or a temporary one where its path is too long.

    A temporary folder is removed at the end of the block; the preferred one stays.

    Raises:
        RuntimeFolderUnsafe: `preferred` exists and belongs to another user; or every folder for temporary
            files has too long a path.
    """
    if _is_short(preferred):
        preferred.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(preferred, repair=True)
        yield preferred
        return
    temporary = _temporary_folder()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_short(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 1 + LONGEST_SOCKET_NAME_BYTES <= SOCKET_PATH_LIMIT_BYTES


def _temporary_folder() -> Path:
    """Make a folder in the first place that exists, is writable, and has a short enough path."""
    for place in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - made by mkdtemp
        if not place or not _is_short(Path(place, "tabard-12345678")):
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="tabard-", dir=place))
        except OSError:  # XDG_RUNTIME_DIR may be that of the user who called sudo
            continue
    raise RuntimeFolderUnsafe(
        "the upstreams' sockets need a folder that we may write to and whose path is short; "
        "set TMPDIR or the data directory to one"
    )


def require_private(folder: Path, *, repair: bool = False) -> None:
    """Check that a folder belongs to this user and has mode 0700; with `repair`, set that mode.

    Raises:
        RuntimeFolderUnsafe: the check failed.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise RuntimeFolderUnsafe(f"{folder} is not a folder of uid {os.geteuid()}")
    if status.st_mode & 0o077:
        if not repair:
            raise RuntimeFolderUnsafe(f"{folder} is open to other users: its mode is not 0700")
        folder.chmod(0o700)


def socket_path(folder: Path, name: str) -> Path:
    """Return the path of a socket in a private folder.

    Raises:
        RuntimeFolderUnsafe: others can open the folder. ValueError: the path is too long for a socket.
    """
    require_private(folder)
    path = folder / name
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT_BYTES:
        raise ValueError(f"{path} is longer than the {SOCKET_PATH_LIMIT_BYTES} bytes of a socket's address")
    return path
