"""A root file system with a shell, Python and boto3 in it, made of this machine's own files: no registry."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import boto3

from tabard.agent.drivers.driver import CannotStart
from tabard.agent.drivers.podman_runtime import runtime_options

PYTHON = Path("/usr/bin/python3")
SDK = "/opt/sdk"
"""Where the image has boto3."""

_PROGRAMS = ("/bin/sh", "/bin/sleep", "/bin/cat")
_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
_SERVICES = ("s3", "sqs", "sts")
_UNUSED = (
    "test",
    "idlelib",
    "tkinter",
    "ensurepip",
    "lib2to3",
    "turtledemo",
    "site-packages",
    "dist-packages",
)


def why_not() -> str:
    """Why no such image can be made here; empty where it can."""
    if shutil.which("podman") is None:
        return "podman is not installed"
    if not PYTHON.exists():
        return f"there is no {PYTHON} to put into an image"
    try:
        runtime_options()
    except CannotStart as error:
        return str(error)
    return ""


def make_image(folder: Path) -> None:
    """Fill the folder; most of it are hard links, so that it costs no space."""
    folder.mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            (folder / name).symlink_to(path.readlink())
            (folder / path.readlink()).mkdir(parents=True)
    said = subprocess.run(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    library = Path(said.stdout.strip())
    programs = [*map(Path, _PROGRAMS), PYTHON]
    for path in [*programs, *_libraries_of([*programs, *library.glob("lib-dynload/*.so")])]:
        put(path, folder / path.relative_to("/"))
    shutil.copytree(
        library,
        folder / library.relative_to("/"),
        copy_function=put,
        ignore=shutil.ignore_patterns(*_UNUSED, "config-*"),
        symlinks=False,
        ignore_dangling_symlinks=True,
    )
    packages = Path(boto3.__file__).parents[1]
    for name in _PACKAGES:
        source, target = packages / name, folder / SDK.strip("/") / name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=put, ignore=_other_services)
        else:
            put(source, target)


def put(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """A link where one can be had, else a copy."""
    source, target = Path(source).resolve(), Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        try:
            target.hardlink_to(source)
        except OSError:
            if not target.exists():
                shutil.copy(source, target)


def _other_services(folder: str, names: list[str]) -> set[str]:
    if not folder.endswith("botocore/data"):
        return {name for name in names if name == "__pycache__"}
    return {name for name in names if Path(folder, name).is_dir() and name not in _SERVICES}


def _libraries_of(programs: list[Path]) -> set[Path]:
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    return {
        Path(word)
        for line in said.splitlines()
        for word in line.split()
        if word.startswith("/") and ":" not in word
    }
