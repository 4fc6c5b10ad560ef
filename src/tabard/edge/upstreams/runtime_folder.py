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
    """The folder is another user's, or open to others."""


@contextmanager
def runtime_folder(preferred: Path) -> Iterator[Path]:
    """Make a folder of mode 0700 for sockets: `preferred`, or a temporary one where its path is too long.

    A temporary folder goes with the block; the preferred one stays.

    Raises:
        RuntimeFolderUnsafe: `preferred` is there and belongs to another user; or every folder for temporary
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
    """A new folder in the first place that is there, is ours to write to, and is not too deep."""
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
    """Check that a folder is ours and closed to others; with `repair`, close one that is ours.

    Raises:
        RuntimeFolderUnsafe: it is not.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise RuntimeFolderUnsafe(f"{folder} is not a folder of uid {os.geteuid()}")
    if status.st_mode & 0o077:
        if not repair:
            raise RuntimeFolderUnsafe(f"{folder} is open to other users: its mode is not 0700")
        folder.chmod(0o700)


def socket_path(folder: Path, name: str) -> Path:
    """The path of a socket in a private folder.

    Raises:
        RuntimeFolderUnsafe: the folder is open to others. ValueError: the path is too long for a socket.
    """
    require_private(folder)
    path = folder / name
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT_BYTES:
        raise ValueError(f"{path} is longer than the {SOCKET_PATH_LIMIT_BYTES} bytes of a socket's address")
    return path
