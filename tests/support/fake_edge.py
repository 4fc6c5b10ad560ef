"""An edge in memory, with faults on demand."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from tabard.agent.edge_client import EdgeError, EdgeRefused, EdgeUnreachable, MintAnswer
from tabard.clock import Clock, Deadline, read_clocks
from tabard.model.messages import (
    DescribeHostInstancesResult,
    DesiredInstance,
    GetInstanceIdentityResult,
    GetInstanceSessionResult,
    InstanceReport,
)
from tabard.model.session import RoleDelivery


def unreachable() -> EdgeUnreachable:
    return EdgeUnreachable(operation="any", code="Unreachable", message="away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A session whose answer has left; `order` is its place among those that were asked for."""

    order: int
    session: GetInstanceSessionResult
    ends_at: Deadline


@dataclass
class FakeEdge:
    """Mints for what its desired state says; `away` and `mint_error` are the faults."""

    clock: Clock
    lifetime: timedelta = timedelta(hours=6)
    away: bool = False
    mint_error: EdgeError | None = None
    report_error: EdgeError | None = None
    console_error: EdgeError | None = None
    consoles: list[tuple[str, bytes]] = field(default_factory=list)
    consoles_before_the_end: list[tuple[str, bytes]] = field(default_factory=list)
    instances: dict[str, DesiredInstance] = field(default_factory=dict)
    version: int = 1
    minted: list[GetInstanceSessionResult] = field(default_factory=list)
    answered: list["Answered"] = field(default_factory=list)
    reports: list[InstanceReport] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    hold_mints: asyncio.Event | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, desired: DesiredInstance) -> None:
        self.instances[desired.instance_id] = desired
        self._change()

    def remove(self, instance_id: str) -> None:
        del self.instances[instance_id]
        self._change()

    def _change(self) -> None:
        self.version += 1
        self.changed.set()

    async def describe_host_instances(
        self, *, known_version: int, wait_seconds: int
    ) -> DescribeHostInstancesResult:
        self.calls.append("describe")
        if self.away:
            raise unreachable()
        if known_version == self.version and wait_seconds:
            self.changed.clear()
            try:
                async with asyncio.timeout(wait_seconds):
                    await self.changed.wait()
            except TimeoutError:
                pass
        return DescribeHostInstancesResult(version=self.version, instances=tuple(self.instances.values()))

    async def get_instance_session(self, instance_id: str, role_delivery: RoleDelivery) -> MintAnswer:
        self.calls.append(f"mint {role_delivery}")
        requested_at = read_clocks(self.clock)
        if self.away:
            raise unreachable()
        if self.mint_error is not None:
            raise self.mint_error
        instance_profile = self.instances[instance_id].instance_profile
        if instance_profile is None:
            raise EdgeRefused(
                operation="GetInstanceSession", code="InstanceProfileNotAssociated", message="none"
            )
        now = self.clock.now()
        result = GetInstanceSessionResult(
            access_key_id=f"ASIA{len(self.minted):04d}-{role_delivery}",
            secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token=f"token {instance_profile.role_id}",
            expiration=now + self.lifetime,
            last_updated=now,
            lifetime_seconds=int(self.lifetime.total_seconds()),
            role_name=instance_profile.role_name,
            role_id=instance_profile.role_id,
            association_id=instance_profile.association_id,
        )
        order = len(self.minted)
        self.minted.append(result)
        if self.hold_mints is not None:
            await self.hold_mints.wait()
        ends_at = Deadline.after(requested_at, self.lifetime.total_seconds())
        self.answered.append(Answered(order=order, session=result, ends_at=ends_at))
        return MintAnswer(
            credentials=result,
            requested_at=requested_at,
            lifetime_seconds=self.lifetime.total_seconds(),
        )

    async def get_instance_identity(self, instance_id: str) -> GetInstanceIdentityResult:
        self.calls.append("identity")
        if self.away:
            raise unreachable()
        document = f'{{"instanceId" : "{instance_id}"}}'
        return GetInstanceIdentityResult(document=document, signature="c2ln", pkcs7="cDc=", rsa2048="cDc=")

    async def put_console_output(self, instance_id: str, output: bytes) -> None:
        if self.away:
            raise unreachable()
        if self.console_error is not None:
            raise self.console_error
        self.consoles.append((instance_id, output))

    async def report_instances(self, reports: tuple[InstanceReport, ...]) -> None:
        self.calls.append("report")
        if self.away:
            raise unreachable()
        if self.report_error is not None:
            raise self.report_error
        if any(report.run_state in ("stopped", "terminated") for report in reports):
            self.consoles_before_the_end = list(self.consoles)
        self.reports.extend(reports)
