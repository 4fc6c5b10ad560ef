"""What hosts are told, and when."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
import pytest

from tabard.access.caller import Caller
from tabard.errors import AwsError
from tabard.model.instance import InstanceState
from tabard.model.messages import DescribeHostInstancesRequest, DescribeHostInstancesResult
from tabard.services.hosts.checks import describe_host_instances_checks
from tabard.services.hosts.host_instances import describe_host_instances
from tabard.store.snapshot import Snapshot
from tests.support.ec2_account import HOST_ID, Ec2Account

OTHER_HOST = "h-00000000000000001"
Step = Callable[[], object]


@dataclass
class RetryLoop:
    """A source of snapshots; whoever waits sees the next step happen, then the time is up."""

    ec2: Ec2Account
    steps: list[Step] = field(default_factory=list)
    waited: int = 0

    def current(self) -> Snapshot:
        return self.ec2.snapshot

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        self.waited += 1
        if self.steps:
            self.steps.pop(0)()
        return self.ec2.snapshot


async def describe(
    ec2: Ec2Account,
    known_version: int = -1,
    *steps: Step,
    wait_seconds: int = 20,
    source: RetryLoop | None = None,
    host_id: str = HOST_ID,
    as_: Caller | None = None,
) -> DescribeHostInstancesResult:
    account = ec2.account
    request = DescribeHostInstancesRequest(
        host_id=host_id, known_version=known_version, wait_seconds=wait_seconds
    )
    caller = as_ or account.host
    checks = describe_host_instances_checks(request, account.facts(caller))
    permit = account.permit(caller, *checks, service="hosts")
    told = await describe_host_instances(permit, request, source or RetryLoop(ec2, list(steps)))
    return msgspec.convert(told, DescribeHostInstancesResult)


async def test_a_host_hears_everything_that_its_instances_are(ec2: Ec2Account) -> None:
    web = ec2.role("web")
    held = ec2.instance_profile("web", web)
    (shown,) = ec2.launch(
        IamInstanceProfile={"Name": "web"},
        UserData="YQ==",
        InstanceType="t3.micro",
        MetadataOptions={"HttpTokens": "optional", "HttpProtocolIpv6": "enabled"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}],
    )
    (told,) = (await describe(ec2)).instances
    instance = ec2.instance(shown["InstanceId"])
    assert told.instance_id == instance.instance_id
    assert told.run_state == "running"
    assert told.driver == "process"
    assert told.launched_at == ec2.account.now
    assert (told.account_id, told.partition, told.region) == ("123456789012", "aws", "us-east-1")
    assert (told.vpc_id, told.subnet_id) == (shown["VpcId"], shown["SubnetId"])
    assert told.private_ip_address == shown["PrivateIpAddress"]
    assert told.private_dns_name == shown["PrivateDnsName"]
    assert told.mac_address == instance.mac_address
    assert told.user_data == b"a"
    assert [(tag.key, tag.value) for tag in told.tags] == [("team", "a")]
    assert told.metadata_options.http_tokens == "optional"
    assert told.metadata_options.http_protocol_ipv6 == "enabled"
    assert told.instance_profile is not None
    assert told.instance_profile.association_id == ec2.association_of(instance.instance_id).association_id
    assert told.instance_profile.instance_profile_arn == held.arn
    assert (told.instance_profile.role_name, told.instance_profile.role_id) == ("web", web.role_id)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("pending", "running"),
        ("running", "running"),
        ("stopping", "stopped"),
        ("stopped", "stopped"),
        ("shutting-down", "terminated"),
        ("terminated", None),
    ],
)
async def test_each_state_and_what_the_host_should_make_of_it(
    ec2: Ec2Account, state: str, told: str | None
) -> None:
    ec2.set_state(ec2.launch_id(), InstanceState(state))
    result = await describe(ec2)
    assert [each.run_state for each in result.instances] == ([told] if told else [])


async def test_without_an_instance_profile_or_a_role(ec2: Ec2Account) -> None:
    held = ec2.instance_profile("empty")
    with_profile = ec2.launch_id(IamInstanceProfile={"Name": "empty"})
    without = ec2.launch_id()
    told = {each.instance_id: each.instance_profile for each in (await describe(ec2)).instances}
    assert told[without] is None
    profile = told[with_profile]
    assert profile is not None
    assert (profile.role_name, profile.role_id) == ("", "")
    with ec2.account.store.transaction() as tx:
        tx.instance_profiles.delete(held.instance_profile_id)
    told = {each.instance_id: each.instance_profile for each in (await describe(ec2)).instances}
    assert told[with_profile] == msgspec.structs.replace(profile, is_deleted=True)


async def test_the_known_state_is_told_again_only_when_the_time_is_up(ec2: Ec2Account) -> None:
    ec2.launch()
    known = await describe(ec2)
    source = RetryLoop(ec2)
    assert await describe(ec2, known.version, source=source) == known
    assert source.waited == 1
    source = RetryLoop(ec2)
    assert await describe(ec2, known.version, source=source, wait_seconds=0) == known


async def test_a_new_host_is_told_at_once(ec2: Ec2Account) -> None:
    source = RetryLoop(ec2)
    assert (await describe(ec2, source=source)).instances == ()
    assert source.waited == 0


async def test_only_a_change_of_this_host_wakes_it(ec2: Ec2Account) -> None:
    ec2.add_host(OTHER_HOST)
    ec2.launch(Placement={"HostId": HOST_ID})
    known = await describe(ec2)
    source = RetryLoop(
        ec2,
        [
            lambda: ec2.launch(Placement={"HostId": OTHER_HOST}),
            lambda: ec2.role("other"),
            lambda: ec2.launch(Placement={"HostId": HOST_ID}),
            lambda: ec2.role("never"),
        ],
    )
    told = await describe(ec2, known.version, source=source)
    assert len(told.instances) == 2
    assert told.version > known.version
    assert source.waited == 3


async def test_another_role_in_the_instance_profile_is_a_change(ec2: Ec2Account) -> None:
    held = ec2.instance_profile("web", ec2.role("web"))
    ec2.launch(IamInstanceProfile={"Name": "web"})
    known = await describe(ec2)
    other = ec2.role("other")

    def swap() -> None:
        with ec2.account.store.transaction() as tx:
            tx.instance_profiles.update(replace(held, role_id=other.role_id))

    (told,) = (await describe(ec2, known.version, swap)).instances
    assert told.instance_profile is not None
    assert told.instance_profile.role_name == "other"


async def test_what_the_host_itself_reported_does_not_wake_it(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    known = await describe(ec2)
    told = await describe(ec2, known.version, lambda: ec2.set_state(instance_id, InstanceState.RUNNING))
    assert told.instances == known.instances
    assert told.version > known.version


async def test_a_host_never_goes_back_to_what_an_edge_behind_still_has(ec2: Ec2Account) -> None:
    behind = ec2.snapshot
    ec2.launch()
    known = await describe(ec2)

    class Behind(RetryLoop):
        def current(self) -> Snapshot:
            return behind

    caught_up = Behind(ec2)
    assert await describe(ec2, known.version, source=caught_up) == known

    class StaysBehind(Behind):
        async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
            return behind

    with pytest.raises(AwsError) as raised:
        await describe(ec2, known.version, source=StaysBehind(ec2))
    assert (raised.value.error_code, raised.value.http_status) == ("ServiceUnavailable", 503)


async def test_a_wait_that_lasts_too_long_is_cut(ec2: Ec2Account) -> None:
    class Slow(RetryLoop):
        async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
            await asyncio.Event().wait()
            return self.ec2.snapshot

    known = await describe(ec2)
    assert (await describe(ec2, known.version, source=Slow(ec2), wait_seconds=0)).version == known.version


async def test_a_host_that_was_removed_while_it_waited_hears_so(ec2: Ec2Account) -> None:
    known = await describe(ec2)

    def remove() -> None:
        with ec2.account.store.transaction() as tx:
            tx.hosts.delete(HOST_ID)

    with pytest.raises(AwsError) as raised:
        await describe(ec2, known.version, remove)
    assert raised.value.error_code == "HostNotFound"


async def test_a_host_hears_of_its_own_instances_alone(ec2: Ec2Account) -> None:
    ec2.add_host(OTHER_HOST)
    with pytest.raises(AwsError) as raised:
        await describe(ec2, host_id=OTHER_HOST)
    assert raised.value.error_code == "AccessDenied"
    ec2.launch(Placement={"HostId": OTHER_HOST})
    assert (await describe(ec2)).instances == ()
    assert len((await describe(ec2, host_id=OTHER_HOST, as_=ec2.account.admin)).instances) == 1


async def test_the_version_survives_json(ec2: Ec2Account) -> None:
    ec2.account.now += timedelta(seconds=1)
    version = (await describe(ec2)).version
    assert 0 < version < 1 << 63
