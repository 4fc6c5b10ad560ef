"""The images that a host has for containers: its own programs, and folders of its operator's."""

from pathlib import Path

from tabard.agent.drivers.container.podman import Mount, Root
from tabard.agent.drivers.driver import CannotStart
from tabard.model.container_image import MACHINES_PROGRAMS_IMAGE_ID, container_image_id

# Everything that programs need to run, and nothing that anybody wrote down on the machine.
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
        """Args: folder: holds a folder for each image; mount_points: where the machine's programs go."""
        self._folder = folder
        self._mount_points = mount_points

    def root_of(self, image_id: str) -> Root:
        """Raises CannotStart where this host has no such image."""
        if image_id == MACHINES_PROGRAMS_IMAGE_ID:
            return machines_programs(self._mount_points)
        # INVARIANT: a request names an image by the hash of a folder's name, and never a path.
        for each in () if self._folder is None else sorted(self._folder.glob("[!.]*/")):
            try:
                if container_image_id(each.name) == image_id:
                    return Root(folder=each)
            except ValueError:
                continue
        raise CannotStart(f"this host has no folder for the image {image_id}")


def machines_programs(folder: Path, machine: Path = Path("/")) -> Root:
    """A machine's own programs and libraries as a container's root, whose mount points are in `folder`."""
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
