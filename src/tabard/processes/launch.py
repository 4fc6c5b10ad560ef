"""The launcher: the stage between fork and exec, which makes a child that never outlives its parent.

Run it as `python -I -S launch.py OPTIONS -- CMD ARG…` (or `python -m tabard.processes.launch`). The options
are the annotations of `Options`. It runs before every child, so it imports almost nothing: argparse, pathlib
or socket would double its 20 ms. It imports nothing after a change of credentials: the new uid may be unable
to read the interpreter's library.

Its promises hold only on Linux: macOS has neither `prctl` nor network namespaces. There it changes
credentials, closes inherited descriptors and executes the command. A child may outlive a killed parent, and
`--isolate-network` and `--private-tmp` are refused.

Exit status: 126 if the command or its environment cannot be set up, 127 if it is not found. One sentence on
stderr says why.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys

TYPE_CHECKING = False  # as in typing, which costs 5 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MS_NOSUID_NODEV = 0x2 | 0x4
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFREQ_BYTES = 40
IFREQ_FLAGS = slice(16, 18)
IFF_UP = 0x1
AF_INET = 2
SOCK_DGRAM = 2
CAP_LAST_POSSIBLE = 63
CAPS_OF_A_CONTAINER = frozenset((0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31))
"""The usual capabilities of root in a container: files and users, but no network and no namespaces.

CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, AUDIT_WRITE,
SETFCAP: capabilities(7). """

TMP = "/tmp"  # noqa: S108 - the folder itself is what is hidden
PRIVATE_TMP_MEGABYTES = 64
CANNOT_START = 126
NOT_FOUND = 127


class CannotLaunch(Exception):
    """The child cannot be set up as requested; the message is the sentence for stderr."""


class Options:
    """The options of the command line. `--keep-fd` and `--keep-folder` may occur several times."""

    def __init__(self) -> None:
        self.parent_pid: int | None = None  # --parent-pid N: refuse to start under another parent
        self.isolate_network = False  # --isolate-network: a network namespace with only lo
        self.private_tmp = False  # --private-tmp: a /tmp of its own; needs --isolate-network
        self.keep_folders: list[str] = []  # --keep-folder PATH: stays visible in hidden folders
        self.enter_user: int | None = None  # --enter-user FD: an existing user namespace
        self.enter_network: int | None = None  # --enter-network FD: an existing network namespace
        self.hide_folders: list[
            str
        ] = []  # --hide-folder PATH: looks empty to the child; needs --enter-network
        self.uid: int | None = None  # --uid N
        self.gid: int | None = None  # --gid N
        self.umask: int | None = None  # --umask OCTAL
        self.keep_fds: list[int] = []  # --keep-fd N: stays open, besides 0, 1 and 2
        self.allow_new_privileges = False  # --allow-new-privileges: set-uid programs keep working
        self.outlive_parent = False  # --outlive-parent: do not end with the parent
        self.command: list[str] = []  # the words after --

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Options:
        """Parse a command line. Raises CannotLaunch if it is invalid."""
        options = cls()
        words = iter(argv)
        try:
            for word in words:
                if word == "--":
                    options.command = list(words)
                else:
                    options._take(word, words)
        except (StopIteration, ValueError) as error:
            raise CannotLaunch(f"{word} needs a value of its kind") from error
        if not options.command:
            raise CannotLaunch("no command after --")
        if options.hide_folders and options.enter_network is None:
            raise CannotLaunch("--hide-folder needs --enter-network")
        if options.private_tmp and not options.isolate_network:
            raise CannotLaunch("--private-tmp needs --isolate-network")
        return options

    def _take(self, word: str, following: Iterator[str]) -> None:
        if word == "--isolate-network":
            self.isolate_network = True
        elif word == "--private-tmp":
            self.private_tmp = True
        elif word == "--allow-new-privileges":
            self.allow_new_privileges = True
        elif word == "--outlive-parent":
            self.outlive_parent = True
        elif word == "--enter-user":
            self.enter_user = int(next(following))
        elif word == "--enter-network":
            self.enter_network = int(next(following))
        elif word == "--hide-folder":
            self.hide_folders.append(next(following))
        elif word == "--parent-pid":
            self.parent_pid = int(next(following))
        elif word == "--keep-folder":
            self.keep_folders.append(next(following))
        elif word == "--keep-fd":
            self.keep_fds.append(int(next(following)))
        elif word == "--uid":
            self.uid = int(next(following))
        elif word == "--gid":
            self.gid = int(next(following))
        elif word == "--umask":
            self.umask = int(next(following), 8)
        else:
            raise CannotLaunch(f"unknown option {word}")


class LibC:
    """System calls that the standard library lacks. They raise OSError for errno."""

    def __init__(self) -> None:
        self._c = ctypes.CDLL(None, use_errno=True)

    def unshare(self, flags: int) -> None:
        self._check(self._c.unshare(ctypes.c_int(flags)))

    def setns(self, descriptor: int, kind: int) -> None:
        self._check(self._c.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)))

    def prctl(self, option: int, value: int) -> None:
        zero = ctypes.c_ulong(0)
        self._check(self._c.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero))

    def socket(self, family: int, kind: int) -> int:
        descriptor = int(self._c.socket(ctypes.c_int(family), ctypes.c_int(kind), ctypes.c_int(0)))
        self._check(0 if descriptor >= 0 else -1)
        return descriptor

    def mount(self, source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        texts = (source, target, kind, data)
        source_, target_, kind_, data_ = [None if text is None else os.fsencode(text) for text in texts]
        self._check(self._c.mount(source_, target_, kind_, ctypes.c_ulong(flags), data_))

    @staticmethod
    def _check(outcome: int) -> None:
        if outcome != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def _write(path: str, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def _change_credentials(libc: LibC | None, *, uid: int | None, gid: int | None) -> None:
    """Change to uid and gid permanently, without supplementary groups."""
    if uid is None and gid is None:
        return
    try:
        if os.geteuid() == 0:
            os.setgroups([])
        if gid is not None:
            os.setgid(gid)
        if uid is not None:
            os.setuid(uid)
    except OSError as error:
        raise CannotLaunch(f"cannot become uid {uid} and gid {gid}: {error.strerror}") from error
    if libc is not None:
        # After a change of uid, root owns /proc/self and its uid_map, which we must write.
        libc.prctl(PR_SET_DUMPABLE, 1)


def enter_namespaces(libc: LibC, flags: int) -> None:
    """Make the namespaces, inside a user namespace if the kernel permits one.

    INVARIANT: this process has one thread; unshare(CLONE_NEWUSER) fails with EINVAL otherwise.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        libc.unshare(CLONE_NEWUSER | flags)
    except OSError as error:
        if uid != 0:
            raise CannotLaunch(f"user and network namespaces are not available: {error.strerror}") from error
        try:
            libc.unshare(flags)
        except OSError as plain:
            raise CannotLaunch(f"network namespaces are not available: {plain.strerror}") from plain
        return
    try:
        # An unprivileged process may write its own gid_map only after "deny": user_namespaces(7).
        _write("/proc/self/setgroups", b"deny")
        _write("/proc/self/uid_map", b"%d %d 1\n" % (uid, uid))
        _write("/proc/self/gid_map", b"%d %d 1\n" % (gid, gid))
    except OSError as error:
        raise CannotLaunch(f"cannot map uid {uid} into a user namespace: {error.strerror}") from error


def _join_namespaces(libc: LibC, *, user: int | None, network: int | None) -> None:
    """Enter existing namespaces: first the user namespace, which gives the right to enter the other.

    INVARIANT: this process has one thread; setns(CLONE_NEWUSER) fails with EINVAL otherwise.
    """
    try:
        if user is not None:
            libc.setns(user, CLONE_NEWUSER)
        if network is not None:
            libc.setns(network, CLONE_NEWNET)
    except OSError as error:
        raise CannotLaunch(f"cannot enter the instance's namespaces: {error.strerror}") from error


def _bring_up_loopback(libc: LibC) -> None:
    try:
        control = libc.socket(AF_INET, SOCK_DGRAM)
        try:
            request = bytearray(fcntl.ioctl(control, SIOCGIFFLAGS, b"lo".ljust(IFREQ_BYTES, b"\0")))
            flags = int.from_bytes(request[IFREQ_FLAGS], sys.byteorder) | IFF_UP
            request[IFREQ_FLAGS] = flags.to_bytes(2, sys.byteorder)
            fcntl.ioctl(control, SIOCSIFFLAGS, bytes(request))
        finally:
            os.close(control)
    except OSError as error:
        raise CannotLaunch(f"cannot bring up lo: {error.strerror}") from error


def _entry_below_tmp(folder: str) -> str | None:
    """Return the entry directly below /tmp that contains `folder`, or None for any other folder."""
    inside = os.path.realpath(folder)
    if inside == TMP:
        raise CannotLaunch(f"{TMP} itself cannot stay visible: use a folder below it")
    return TMP + "/" + inside.split("/")[2] if inside.startswith(TMP + "/") else None


def _hide_tmp(libc: LibC, keep: Sequence[str]) -> None:
    """Mount an empty file system on /tmp, with the entries that contain the folders of `keep`."""
    if os.path.realpath(TMP) != TMP:
        raise CannotLaunch(f"{TMP} is a symbolic link: it cannot be hidden")
    entries = sorted({entry for entry in map(_entry_below_tmp, keep) if entry is not None})
    try:
        libc.mount("none", "/", None, MS_REC | MS_PRIVATE)
        kept = [(entry, os.open(entry, os.O_PATH | os.O_DIRECTORY)) for entry in entries]
        libc.mount("tmpfs", TMP, "tmpfs", MS_NOSUID_NODEV, f"size={PRIVATE_TMP_MEGABYTES}m,mode=0700")
        for entry, descriptor in kept:
            os.mkdir(entry, 0o700)  # noqa: PTH102 - pathlib costs 10 ms
            libc.mount(f"/proc/self/fd/{descriptor}", entry, None, MS_BIND | MS_REC)
            os.close(descriptor)
    except OSError as error:
        raise CannotLaunch(f"cannot give the child a {TMP} of its own: {error.strerror}") from error


def _hide_folders(libc: LibC, folders: Sequence[str], keep: Sequence[str]) -> None:
    """Mount an empty folder on each of them, with the folders of `keep`. (pathlib would cost 10 ms.)"""
    try:
        libc.unshare(CLONE_NEWNS)
        libc.mount("none", "/", None, MS_REC | MS_PRIVATE)
        for folder in filter(os.path.isdir, map(os.path.realpath, folders)):  # one may hide another
            inside = [path for path in map(os.path.realpath, keep) if path.startswith(folder + "/")]
            kept = [(path, os.path.isdir(path), os.open(path, os.O_PATH)) for path in inside]  # noqa: PTH112
            libc.mount("tmpfs", folder, "tmpfs", MS_NOSUID_NODEV, "size=64k,mode=0711")
            for path, is_folder, descriptor in kept:
                os.makedirs(path if is_folder else os.path.dirname(path), 0o711, exist_ok=True)  # noqa: PTH103, PTH120
                if not is_folder:
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o444))
                libc.mount(f"/proc/self/fd/{descriptor}", path, None, MS_BIND | MS_REC)
                os.close(descriptor)
    except OSError as error:
        raise CannotLaunch(f"cannot hide the data directory from the child: {error.strerror}") from error


def _drop_capabilities(libc: LibC, *, but: frozenset[int] = frozenset()) -> None:
    """Drop all other capabilities that exec could grant: the child must not change its own namespace."""
    for capability in range(CAP_LAST_POSSIBLE + 1):
        if capability in but:
            continue
        try:
            libc.prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            return  # EINVAL: beyond the last capability of this kernel


def _bind_life_to_parent(libc: LibC, parent_pid: int | None, *, outlive: bool) -> None:
    # INVARIANT: after the last change of credentials, which clears the signal: PR_SET_PDEATHSIG(2const).
    libc.prctl(PR_SET_PDEATHSIG, 0 if outlive else int(signal.SIGKILL))
    if parent_pid is not None and os.getppid() != parent_pid:
        raise CannotLaunch(f"the parent {parent_pid} ended before the child could start")


def _close_descriptors(keep: Sequence[int]) -> None:
    first = 3
    for descriptor in sorted({*keep, os.sysconf("SC_OPEN_MAX")}):
        if descriptor >= first:
            os.closerange(first, descriptor)
            first = descriptor + 1
    for descriptor in keep:
        os.set_inheritable(descriptor, True)


def launch(argv: Sequence[str]) -> NoReturn:
    """Set this process up by the options, and execute the command in it."""
    options = Options.parse(argv)
    libc = LibC() if sys.platform == "linux" else None
    enters = options.enter_user is not None or options.enter_network is not None
    if libc is None and (options.isolate_network or enters):
        raise CannotLaunch("network namespaces exist only on Linux")
    if options.umask is not None:
        os.umask(options.umask)
    if libc is not None and enters:
        _join_namespaces(libc, user=options.enter_user, network=options.enter_network)
        if options.hide_folders:
            _hide_folders(libc, options.hide_folders, options.keep_folders)
        _drop_capabilities(libc, but=CAPS_OF_A_CONTAINER if options.enter_user is None else frozenset())
    _change_credentials(libc, uid=options.uid, gid=options.gid)
    if libc is not None:
        if options.isolate_network:
            enter_namespaces(libc, CLONE_NEWNET | (CLONE_NEWNS if options.private_tmp else 0))
            _bring_up_loopback(libc)
            if options.private_tmp:
                _hide_tmp(libc, options.keep_folders)
            _drop_capabilities(libc)
        if not options.allow_new_privileges:
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1)
        _bind_life_to_parent(libc, options.parent_pid, outlive=options.outlive_parent)
    _close_descriptors(options.keep_fds)
    # The interpreter ignores these two signals, and the command would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(options.command[0], options.command)  # noqa: S606 - no shell: the argument vector as given


def main() -> NoReturn:
    """Launch, or print the reason in one sentence. Exit status 127: command not found; else 126."""
    status, sentence = CANNOT_START, ""
    try:
        launch(sys.argv[1:])
    except CannotLaunch as reason:
        sentence = str(reason)
    except FileNotFoundError:
        status, sentence = NOT_FOUND, "the command is not found"
    except OSError as error:
        sentence = f"cannot execute the command: {error.strerror}"
    os.write(2, f"tabard launch: {sentence}\n".encode())
    sys.exit(status)


if __name__ == "__main__":
    main()
