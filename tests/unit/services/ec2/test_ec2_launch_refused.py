"""An installation that is not to run strangers' code launches nothing on its own host."""

import pytest

from tabard.services.ec2.errors import LaunchRefused
from tabard.services.ec2.placement import PROCESS_DRIVER_REFUSED
from tests.support.ec2_account import HOST_ID, Ec2Account

EPHEMERAL_HOST_ID = "h-0fedcba9876543210"


@pytest.fixture
def refusing(ec2: Ec2Account) -> Ec2Account:
    with ec2.account.store.transaction() as tx:
        tx.installation.put(PROCESS_DRIVER_REFUSED, "the edge listens beyond loopback")
    return ec2


@pytest.mark.parametrize("placement", [{}, {"HostId": HOST_ID}])
def test_nothing_is_launched_on_the_installations_own_host(
    refusing: Ec2Account, placement: dict[str, str]
) -> None:
    with pytest.raises(LaunchRefused) as refused:
        refusing.launch(Placement=placement)
    assert (refused.value.error_code, refused.value.http_status) == ("UnsupportedOperation", 400)
    assert "the edge listens beyond loopback" in refused.value.message


def test_an_ephemeral_host_runs_what_its_own_user_gave(refusing: Ec2Account) -> None:
    refusing.add_host(EPHEMERAL_HOST_ID, ephemeral=True)
    (launched,) = refusing.launch(Placement={"HostId": EPHEMERAL_HOST_ID})
    assert launched["Placement"]["HostId"] == EPHEMERAL_HOST_ID


def test_an_empty_fact_refuses_nothing(ec2: Ec2Account) -> None:
    with ec2.account.store.transaction() as tx:
        tx.installation.put(PROCESS_DRIVER_REFUSED, "")
    assert ec2.launch()
