"""The instances of one host: what it should make true, and what it has seen."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from tabard.access.authorize import Permit
from tabard.errors import ServiceUnavailable
from tabard.model.association import Association, AssociationState
from tabard.model.host import Host
from tabard.model.instance import Instance, InstanceState
from tabard.model.messages import (
    DescribeHostInstancesRequest,
    DescribeHostInstancesResult,
    InstanceReport,
    ReportInstancesRequest,
)
from tabard.services.ec2.instances.lifecycle import ENDING, move, next_state
from tabard.services.hosts.answers import answer
from tabard.services.hosts.checks import describe_host_instances_checks, host_arn, report_instances_checks
from tabard.services.hosts.desired_state import (
    desired_instances,
    says_the_same,
    snapshot_version_in,
    version_of,
)
from tabard.services.hosts.errors import HostNotFound, InstanceNotOnHost, InvalidReport
from tabard.services.operation import Operation, Output, SnapshotSource, Watch, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

LONGEST_WAIT_SECONDS = 60
CATCH_UP_SECONDS = 2

SEEN_EVERY = timedelta(seconds=30)
"""How old `last_seen_at` may be before a report without news is written: each write is a new snapshot."""

_REASONS = {
    InstanceState.STOPPED: (
        "Client.InstanceInitiatedShutdown",
        "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    ),
    InstanceState.SHUTTING_DOWN: (
        "Client.InstanceInitiatedShutdown",
        "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    ),
    InstanceState.TERMINATED: (
        "Client.InstanceInitiatedShutdown",
        "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    ),
}
"""EC2's reasons of what an instance, not a user, has done."""


async def describe_host_instances(
    permit: Permit, request: DescribeHostInstancesRequest, source: SnapshotSource
) -> Output:
    """Say what a host should make true; wait until this host has something new to hear.

    Args:
        permit: proof that the caller may hosts:DescribeHostInstances on the host.
        request: known_version is that of the last answer, below zero at first; wait_seconds 0 to 60.
    Returns:
        The whole desired state: at once where it is another than the known one, else after a change of it or
        when the time is up.
    Raises:
        HostNotFound (400). ServiceUnavailable (503): this edge has not yet seen what the host knows.
    """
    permit.require("hosts:DescribeHostInstances", host_arn(permit, request.host_id))
    wait_seconds = max(0, min(request.wait_seconds, LONGEST_WAIT_SECONDS))
    snapshot = await _caught_up(source, snapshot_version_in(request.known_version), wait_seconds)
    result = _result(permit, request.host_id, snapshot)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            while says_the_same(result.version, request.known_version):
                newer = await source.wait_beyond(snapshot.version, wait_seconds)
                if newer.version <= snapshot.version:
                    break
                snapshot = newer
                result = _result(permit, request.host_id, snapshot)
    return answer(result)


async def _caught_up(source: SnapshotSource, version: int, wait_seconds: int) -> Snapshot:
    """A snapshot at least as new as `version`.

    INVARIANT: a host is never sent back to an earlier desired state: it would start what was terminated.
    """
    snapshot = source.current()
    if snapshot.version < version:
        snapshot = await source.wait_beyond(version - 1, max(wait_seconds, CATCH_UP_SECONDS))
    if snapshot.version < version:
        raise ServiceUnavailable(
            reason=f"This edge is at version {snapshot.version} and has not yet seen {version}; ask again."
        )
    return snapshot


def _result(permit: Permit, host_id: str, snapshot: Snapshot) -> DescribeHostInstancesResult:
    _guard_host(snapshot.hosts.get(host_id), host_id, permit)
    instances = desired_instances(snapshot, host_id)
    return DescribeHostInstancesResult(version=version_of(snapshot, instances), instances=instances)


def report_instances(permit: Permit, request: ReportInstancesRequest, tx: Transaction) -> Output:
    """Take down what a host has seen of its instances, and that the host is alive.

    An instance only ever moves on: a late `running` of an instance that is ending changes nothing. The
    association that a host serves becomes `associated`; one that is disassociating and not served has ended.
    An instance whose main process has ended is `stopped`, as if it had shut itself down, or it is terminated
    where its InstanceInitiatedShutdownBehavior says so.

    Raises:
        HostNotFound, InstanceNotOnHost, InvalidReport (400 each): then none of the reports is taken.
    Differs: EC2 has no such operation.
    """
    permit.require("hosts:ReportInstances", host_arn(permit, request.host_id))
    host = _guard_host(tx.hosts.get(request.host_id), request.host_id, permit)
    seen: set[str] = set()
    for report in request.reports:
        if report.instance_id in seen:
            raise InvalidReport(reason=f"The instance '{report.instance_id}' is reported twice")
        seen.add(report.instance_id)
        instance = tx.instances.get(report.instance_id)
        if instance is None and report.run_state == "terminated":
            continue  # it was terminated and forgotten: both sides say the same
        if instance is None or instance.host_id != host.host_id:
            raise InstanceNotOnHost(instance_id=report.instance_id, host_id=host.host_id)
        _take(report, instance, tx, permit.now)
    is_new_key = bool(host.next_key_fingerprint) and permit.caller.access_key_id == host.next_key_fingerprint
    if is_new_key:
        # The host has its new certificate, and works with it: whoever holds the former key is not the host.
        host = replace(host, key_fingerprint=host.next_key_fingerprint, next_key_fingerprint="")
    if is_new_key or permit.now - host.last_seen_at >= SEEN_EVERY:
        tx.hosts.update(replace(host, last_seen_at=permit.now))
    return {}


def _guard_host(host: Host | None, host_id: str, permit: Permit) -> Host:
    if host is None or host.region != permit.region:
        raise HostNotFound(host_id=host_id, region=permit.region)
    return host


def _take(report: InstanceReport, instance: Instance, tx: Transaction, now: datetime) -> None:
    associations = {each.association_id: each for each in tx.associations.of_instance(instance.instance_id)}
    if report.association_id and report.association_id not in associations:
        raise InvalidReport(
            reason=f"The association '{report.association_id}' is not one of '{instance.instance_id}'"
        )
    for association in associations.values():
        _confirm(association, report.association_id, tx, now)
    reported = InstanceState(report.run_state)
    if report.boot_number != instance.boot_number and reported not in ENDING:
        return  # of an earlier boot: that it stopped then says nothing of the one that was asked for since
    state = next_state(instance.state, reported)
    if state is InstanceState.STOPPED and _terminates_itself(report, instance):
        state = InstanceState.SHUTTING_DOWN  # its host hears of it, and ends what is left
    if state is not instance.state:
        move(tx, instance, state, reason=_reason(report, instance, state), now=now)


def _terminates_itself(report: InstanceReport, instance: Instance) -> bool:
    """Whether this is an instance's own end, which was said at its launch to be for good."""
    reason_code, _ = _reason(report, instance, InstanceState.STOPPED)
    return (
        instance.state in (InstanceState.PENDING, InstanceState.RUNNING)
        and instance.shutdown_options.instance_initiated == "terminate"
        and reason_code == "Client.InstanceInitiatedShutdown"
    )


def _confirm(association: Association, served_id: str, tx: Transaction, now: datetime) -> None:
    is_served = association.association_id == served_id
    if association.state is AssociationState.ASSOCIATING and is_served:
        state = AssociationState.ASSOCIATED
    elif association.state is AssociationState.DISASSOCIATING and not is_served:
        state = AssociationState.DISASSOCIATED
    else:
        return
    tx.associations.update(replace(association, state=state, changed_at=now))


def _reason(report: InstanceReport, instance: Instance, state: InstanceState) -> tuple[str, str]:
    """Why: what was asked for keeps its reason, else what the host says, else what EC2 would say."""
    if instance.state in (InstanceState.STOPPING, InstanceState.SHUTTING_DOWN) and instance.state_reason_code:
        return instance.state_reason_code, instance.state_reason_message
    if report.reason_code:
        return report.reason_code, report.reason_message
    return _REASONS.get(state, ("", ""))


OPERATIONS: tuple[Operation, ...] = (
    Watch(DescribeHostInstancesRequest, describe_host_instances_checks, describe_host_instances),
    Write(ReportInstancesRequest, report_instances_checks, report_instances),
)
