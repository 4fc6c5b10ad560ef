"""The container images of a host: its own programs, and the operator's folders."""

from pathlib import Path

from tabard.agent.drivers.container.podman import Mount, Root
from tabard.agent.drivers.driver import CannotStart
from tabard.model.container_image import MACHINES_PROGRAMS_IMAGE_ID, container_image_id

# The folders that programs need to run; none of them contains data that somebody stored on the machine.
_OF_THE_MACHINE = (
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "etc/alternatives",
    "etc/ca-certificates",
    "etc/ld.so.cache",
    "etc/localtime",
    "etc/pki",
    "etc/ssl/certs",
)


_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


class ContainerImages:
    """Finds the root file system of an image."""

    def __init__(self, folder: Path | None, *, mount_points: Path) -> None:
        """Args: folder: has a folder for each image; mount_points: the folder for the machine's programs."""
        self._folder = folder
        self._mount_points = mount_points

    def root_of(self, image_id: str) -> Root:
        """Find an image's root. Raises CannotStart if this host has no such image."""
        if image_id == MACHINES_PROGRAMS_IMAGE_ID:
            return machines_programs(self._mount_points)
        # INVARIANT: a request names an image by the hash of a folder's name, never by a path.
        for each in () if self._folder is None else sorted(self._folder.glob("[!.]*/")):
            try:
                if container_image_id(each.name) == image_id:
                    return Root(folder=each)
            except ValueError:
                continue
        raise CannotStart(f"this host has no folder for the image {image_id}")


def machines_programs(folder: Path, machine: Path = Path("/")) -> Root:
    """Use a machine's own programs and libraries as a container's root; its mount points are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc" / "hosts").write_text(_HOSTS, "ascii")
    mounts = []
    for name in _OF_THE_MACHINE:
        path, inside = machine / name, folder / name
        if path.is_symlink() and "/" not in name:
            if not inside.is_symlink():
                inside.symlink_to(path.readlink())
        elif path.exists():
            mounts.append(Mount(source=path, target=f"/{name}"))
    return Root(folder=folder, mounts=tuple(mounts))
