"""The runtime for podman, by the machine's cgroups and its installed runtimes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tabard.agent.drivers.driver import CannotStart
from tabard.agent.drivers.podman_runtime import runtime_options

FAKE_PODMAN = """#!/bin/sh
own={own}
case "$1" in
  --runtime=*) wanted=${{1#--runtime=}}; shift;;
  *) wanted=$own;;
esac
[ "$*" = "info --format={{{{.Host.OCIRuntime.Name}}}}" ] || exit 64
case " {installed} " in
  *" $wanted "*) echo "$wanted";;
  *) echo "Error: default OCI runtime $wanted not found: invalid argument" >&2; exit 125;;
esac
"""

Podman = Callable[..., None]


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Podman:
    """Puts a podman on the PATH that has these runtimes, and takes the first of them by itself."""

    def install(*runtimes: str) -> None:
        program = tmp_path / "podman"
        program.write_text(FAKE_PODMAN.format(own=runtimes[0], installed=" ".join(runtimes)))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    controllers = tmp_path / "cgroup.controllers"
    controllers.write_text("hugetlb\n")
    return controllers


def test_runc_takes_the_place_of_a_crun_that_refuses_hybrid_cgroups(podman: Podman, hybrid: Path) -> None:
    podman("crun", "runc")
    assert runtime_options(hybrid) == ("--runtime=runc",)


def test_without_runc_the_reason_is_a_sentence(podman: Podman, hybrid: Path) -> None:
    podman("crun")
    with pytest.raises(CannotStart, match="crun refuses this machine's hybrid cgroups, and runc is not"):
        runtime_options(hybrid)


@pytest.mark.parametrize("own", ["runc", "runsc"])
def test_another_runtime_of_podmans_own_stays(podman: Podman, hybrid: Path, own: str) -> None:
    podman(own, "crun", "runc")
    assert runtime_options(hybrid) == ()


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_crun_stays_where_cgroups_have_one_version(
    podman: Podman, tmp_path: Path, content: str | None
) -> None:
    podman("crun", "runc")
    controllers = tmp_path / "cgroup.controllers"
    if content is not None:
        controllers.write_text(content)
    assert runtime_options(controllers) == ()


def test_a_machine_without_podman_has_no_runtime_to_name(
    tmp_path: Path, hybrid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert runtime_options(hybrid) == ()
