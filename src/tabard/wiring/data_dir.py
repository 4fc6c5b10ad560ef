"""The data directory: its files and their modes. One system at a time owns it."""

import fcntl
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tabard.durable_files import write_durably
from tabard.private_folder import FolderNotPrivate, prepare_private_folder
from tabard.wiring.data_file import DataFileUnusable, read_own_object, require_plain_file

LAUNCHED = Path("/var/lib/tabard-launched")


class DataDirInUse(Exception):
    """Another `tabard up` owns this data directory."""


class DataDirUnsafe(Exception):
    """The data directory or a part of it belongs to another user, or others can read, write or replace it."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """Paths inside one data directory (mode 0700; secrets in files of mode 0600)."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "tabard.sqlite3"

    @property
    def master_key(self) -> Path:
        return self.path / "master.key"

    @property
    def admin_credentials(self) -> Path:
        return self.path / "admin.json"

    @property
    def root_credentials(self) -> Path:
        return self.path / "root.json"

    @property
    def host_credentials(self) -> Path:
        return self.path / "host.json"

    @property
    def identity_certificate(self) -> Path:
        """The certificate of instance identity documents. It is public."""
        return self.path / "identity-certificate.pem"

    @property
    def ca_certificate(self) -> Path:
        """The certificate that verifies the certificates of edges and hosts. It is public."""
        return self.path / "ca-certificate.pem"

    @property
    def running(self) -> Path:
        """The file with a running system's addresses."""
        return self.path / "running.json"

    @property
    def seaweedfs(self) -> Path:
        return self.path / "seaweedfs"

    @property
    def instances(self) -> Path:
        return self.path / "instances"

    @property
    def launched_elsewhere(self) -> Path:
        """The parent of `instances/` if instances run as another user, who cannot enter the data directory.

        It is beside the data directory, or below /var/lib if others cannot enter the parent (/root).
        """
        beside = self.path.with_name(f"{self.path.name}-launched")
        if all(folder.stat().st_mode & stat.S_IXOTH for folder in beside.parents if folder.exists()):
            return beside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return LAUNCHED / f"{self.path.name}-{digest}"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def audit_lock(self) -> Path:
        """The lock of the edge that deletes expired audit events."""
        return self.path / "audit.lock"

    @property
    def table_changes(self) -> Path:
        """The mark that an edge changes when a DynamoDB table was created or deleted."""
        return self.path / "table-changes"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file directly in the directory."""
        return (
            self.database,
            self.master_key,
            self.admin_credentials,
            self.root_credentials,
            self.host_credentials,
            self.identity_certificate,
            self.ca_certificate,
            self.running,
            self.lock_file,
            self.audit_lock,
            self.table_changes,
        )

    def prepare(self) -> None:
        """Make the folders, with mode 0700.

        Raises:
            DataDirUnsafe: the directory exists and is not private to this user, or others can replace it.
            DataFileUnusable: another kind of file has the name of one of the files or folders.
        """
        try:
            prepare_private_folder(self.path)
        except FolderNotPrivate as error:
            raise DataDirUnsafe(str(error)) from None
        for file in self.files:
            require_plain_file(file)
        for folder in (self.seaweedfs, self.instances, self.logs):
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except FileExistsError:
                raise DataFileUnusable(f"{folder} is not a folder; move it away") from None

    def prepare_launching_elsewhere(self) -> Path:
        """Make the folder that another user may enter, but neither list nor write to.

        Raises:
            DataDirUnsafe: the folder exists and belongs to another user.
        """
        folder = self.launched_elsewhere
        for one in (folder.parent, folder) if folder.parent == LAUNCHED else (folder,):
            one.mkdir(mode=0o711, exist_ok=True)
            status = one.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise DataDirUnsafe(f"{one} is not a folder of uid {os.geteuid()}")
            one.chmod(0o711)
        return folder

    def lock(self) -> int:
        """Lock the directory for this process, until the returned descriptor is closed.

        Raises:
            DataDirInUse: another process has the lock. FileNotFoundError: the directory does not exist.
            DataFileUnusable: the lock is not a plain file, or belongs to another user.
        """
        try:
            descriptor = os.open(
                self.lock_file,
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK,
                0o600,
            )
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DataFileUnusable(
                f"{self.lock_file} cannot be opened ({error.strerror}); name a data directory of your own, "
                "or remove this file if no tabard runs on it"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DataDirInUse(f"{self.path} is in use by another tabard") from None
        return descriptor

    def is_locked(self) -> bool:
        """Return whether a running system owns the directory."""
        try:
            os.close(self.lock())
        except DataDirInUse:
            return True
        except FileNotFoundError:
            return False
        return False


def write_secret_file(path: Path, content: dict[str, object]) -> None:
    """Write JSON that only its owner may read, whole or not at all, durable on return."""
    write_durably(path, json.dumps(content, indent=1))


def read_json(path: Path, *, advice: str = "remove it") -> dict[str, object] | None:
    """Return the object in a file, or None if there is no such file. Raises DataFileUnusable."""
    return read_own_object(path, advice=advice)


def default_data_dir() -> Path:
    """Return `$XDG_DATA_HOME/tabard`, which is `~/.local/share/tabard` by default."""
    return _xdg_data_home() / "tabard"


def _xdg_data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def ephemeral_pointer(data_dir: Path) -> Path:
    """Return the file with the path of the latest ephemeral system of a data directory."""
    place = data_dir.expanduser().absolute()
    return place.parent / f"{place.name}-ephemeral.json"


def find_running(data_dir: Path | None) -> DataDir | None:
    """Find the data directory of the running system for a command.

    It is the given or default directory, if a system runs on it, or else that of the latest ephemeral system
    that was started for it.

    Raises:
        DataFileUnusable.
    """
    place = data_dir or default_data_dir()
    if runs(DataDir(place)):
        return DataDir(place)
    pointer = read_own_object(ephemeral_pointer(place), "data_dir", advice="remove it")
    if pointer is None:
        return None
    latest = DataDir(Path(str(pointer["data_dir"])))
    return latest if runs(latest) else None


def runs(data_dir: DataDir) -> bool:
    """Return whether a reachable system owns the directory. Raises DataFileUnusable."""
    return is_there(data_dir.running) and data_dir.is_locked()


def is_there(path: Path) -> bool:
    """Return whether the file exists. Raises DataFileUnusable if its folder cannot be entered."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DataFileUnusable(
            f"{path} cannot be looked at ({error.strerror}); name a data directory of your own"
        ) from error
    return True
