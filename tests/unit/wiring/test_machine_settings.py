"""The port for other machines: off unless asked for, and what follows from it."""

import pytest

from tabard.wiring.settings import Settings


def test_there_is_no_port_for_other_machines_unless_it_is_asked_for() -> None:
    settings = Settings(host_address="192.0.2.9")
    assert settings.host_port is None
    assert settings.addresses_of_strangers == ()
    assert settings.process_driver_refused == ""


@pytest.mark.parametrize("address", ["192.0.2.9", "0.0.0.0", "2001:db8::9", "box.example"])
def test_beyond_loopback_it_needs_no_leave_but_nothing_is_launched_as_the_servers_own_user(
    address: str,
) -> None:
    """It is TLS; but whoever reaches it may send user data."""
    settings = Settings(host_address=address, host_port=4583)
    assert settings.addresses_of_strangers == (address,)
    assert address in settings.process_driver_refused
    assert (
        Settings(host_address=address, host_port=0, launch_uid=1000, launch_gid=1000).process_driver_refused
        == ""
    )
