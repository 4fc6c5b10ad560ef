"""What instances may reach beside the edge: how it is set, and where it has a meaning."""

import pytest
from pydantic import ValidationError

from tabard.agent.networks.allowed import parse_allowed
from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces
from tabard.wiring.drivers import InstanceIsolation
from tabard.wiring.settings import Settings


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("", []),
        ("10.0.0.7:5432", ["10.0.0.7:5432"]),
        ("10.0.0.7:5432,[::1]:5433", ["10.0.0.7:5432", "[::1]:5433"]),
        (" 10.0.0.7:5432, 10.0.0.8:5432\n", ["10.0.0.7:5432", "10.0.0.8:5432"]),
    ],
)
def test_a_variable_names_several(monkeypatch: pytest.MonkeyPatch, value: str, allowed: list[str]) -> None:
    monkeypatch.setenv("TABARD_ALLOW_ADDRESS", value)
    assert [str(one) for one in Settings().allowed_addresses] == allowed


@pytest.mark.parametrize("value", ["169.254.169.254:80", "db:5432", "10.0.0.7:5432;10.0.0.8:5432"])
def test_what_cannot_be_allowed_is_refused_at_the_start(value: str) -> None:
    with pytest.raises(ValidationError):
        Settings(allow_address=value)


def test_banner_and_health_say_what_is_reached() -> None:
    allowed = parse_allowed(["10.0.0.7:5432", "[::1]:5433"])
    networks = RootlessNamespaces(InsideEdge(), allowed)
    isolation = InstanceIsolation(networks=networks, allowed=allowed)
    assert isolation.in_words(launch_uid=None) == (
        "network namespace (rootless), one uid for all, reaches 10.0.0.7:5432, reaches [::1]:5433"
    )
    without = InstanceIsolation(networks=None, reason="no namespaces", allowed=allowed)
    assert without.in_words(launch_uid=None) == (
        "none (no namespaces; all addresses are reachable, not only those allowed)"
    )
