"""The instances of one host: their desired state, and its reports."""

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
"""The age of `last_seen_at` from which a report without news is written: each write makes a snapshot."""

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
"""EC2's state reasons for actions of an instance, not of a user."""


async def describe_host_instances(
    permit: Permit, request: DescribeHostInstancesRequest, source: SnapshotSource
) -> Output:
    """Return the desired state of a host; wait for a change if the host knows the present state.

    Args:
        permit: proof that the caller may hosts:DescribeHostInstances on the host.
        request: known_version is the version of the last answer, at first below zero; wait_seconds 0 to 60.
    Returns:
        The whole desired state: at once if it differs from the known one, else after a change or the timeout.
    Raises:
        HostNotFound (400). ServiceUnavailable (503): this edge has an older version than the host.
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
    """Return a snapshot at least as new as `version`.

    INVARIANT: a host never gets an earlier desired state: it would start terminated instances.
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
    """Record a host's reports on its instances, and that the host is alive.

    An instance never moves back: a late `running` of an ending instance has no effect. The association that
    a host serves becomes `associated`. A disassociating one that is no longer served has ended.
    An instance whose main process has ended is `stopped`, as if it had shut itself down. Its
    InstanceInitiatedShutdownBehavior may terminate it instead.

    Raises:
        HostNotFound, InstanceNotOnHost, InvalidReport (400 each): all reports are then refused.
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
            continue  # it was terminated and removed: both sides agree
        if instance is None or instance.host_id != host.host_id:
            raise InstanceNotOnHost(instance_id=report.instance_id, host_id=host.host_id)
        _take(report, instance, tx, permit.now)
    is_new_key = bool(host.next_key_fingerprint) and permit.caller.access_key_id == host.next_key_fingerprint
    if is_new_key:
        # The host uses its new certificate: the former key no longer identifies the host.
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
        return  # a report on an earlier boot says nothing about the boot that was requested since
    state = next_state(instance.state, reported)
    if state is InstanceState.STOPPED and _terminates_itself(report, instance):
        state = InstanceState.SHUTTING_DOWN  # its host gets this state, and ends the remaining parts
    if state is not instance.state:
        move(tx, instance, state, reason=_reason(report, instance, state), now=now)


def _terminates_itself(report: InstanceReport, instance: Instance) -> bool:
    """Return whether the instance ended by itself and its launch options then terminate it."""
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
    """Return the state reason: that of the request, else the host's, else EC2's."""
    if instance.state in (InstanceState.STOPPING, InstanceState.SHUTTING_DOWN) and instance.state_reason_code:
        return instance.state_reason_code, instance.state_reason_message
    if report.reason_code:
        return report.reason_code, report.reason_message
    return _REASONS.get(state, ("", ""))


OPERATIONS: tuple[Operation, ...] = (
    Watch(DescribeHostInstancesRequest, describe_host_instances_checks, describe_host_instances),
    Write(ReportInstancesRequest, report_instances_checks, report_instances),
)
