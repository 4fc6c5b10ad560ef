"""Folders for secrets. Only we can read, write or replace them and their contents."""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


class FolderNotPrivate(Exception):
    """A folder that somebody else can read, write to or exchange; the message is for the operator."""


def prepare_private_folder(folder: Path) -> None:
    """Create the folder with mode 0700, or verify that an existing one is private.

    The function opens the folder once, checks what it opened, and follows no link. Existing files in it must
    be ours or root's, because another user who put a key there knows the key. No folder above it may let
    another user rename it.

    Raises:
        FolderNotPrivate. OSError: it cannot be made, or looked at.
    """
    for above in reversed([each for each in folder.parents if not each.exists()]):
        above.mkdir(mode=0o755, exist_ok=True)  # whatever the umask is, nobody else may write to it
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise FolderNotPrivate(f"{folder} is a symbolic link; name the folder itself")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check(folder, os.fstat(descriptor))
        with os.scandir(descriptor) as entries:
            for entry in entries:
                owner = entry.stat(follow_symlinks=False).st_uid
                if owner not in (0, os.geteuid()):
                    raise FolderNotPrivate(
                        f"{folder / entry.name} belongs to uid {owner}, who has put it there; remove it"
                    )
    finally:
        os.close(descriptor)
    for above in folder.resolve().parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise FolderNotPrivate(
                f"{above} has mode {stat.S_IMODE(mode):04o}: anybody can put another folder in the place of "
                f"{folder}; take that right away, or set the sticky bit"
            )


def _check(folder: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise FolderNotPrivate(f"{folder} belongs to uid {status.st_uid}, not to {os.geteuid()}")
    if status.st_mode & 0o077:
        raise FolderNotPrivate(f"{folder} has mode {stat.S_IMODE(status.st_mode):04o}; it must be 0700")


def remove_folder(folder: Path, *, ignore_errors: bool = False) -> None:
    """Remove a folder with everything in it, folders that are read-only too.

    Applications leave such folders: Go's module cache, for example. Only root empties them as they are; any
    other user makes them writable first.

    Raises:
        OSError: something cannot be removed, unless `ignore_errors`.
    """
    if os.geteuid() != 0:
        for above, names, _ in os.walk(folder):
            for inner in (Path(above, name) for name in names):
                with suppress(OSError):  # it is not ours: removing it says so
                    if not inner.is_symlink():
                        inner.chmod(stat.S_IMODE(inner.stat().st_mode) | stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=ignore_errors)
