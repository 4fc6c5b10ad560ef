"""Registration, listing and removal of hosts."""

from datetime import datetime, timedelta

from tabard.access.authorize import Permit
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.host import Host
from tabard.model.messages import (
    DeregisterHostRequest,
    DescribeHostsRequest,
    DescribeHostsResult,
    HostDescription,
    RegisterHostRequest,
    RegisterHostResult,
)
from tabard.names import new_access_key_id, new_resource_id, new_secret_access_key
from tabard.services.ec2.instances.lifecycle import remove_instance, revoke
from tabard.services.hosts.answers import answer
from tabard.services.hosts.checks import (
    deregister_host_checks,
    describe_hosts_checks,
    host_arn,
    register_host_checks,
)
from tabard.services.hosts.errors import HostNotFound
from tabard.services.operation import Operation, Output, Read, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

UNSEEN_FOR = timedelta(minutes=10)


def register_host(permit: Permit, request: RegisterHostRequest, tx: Transaction) -> Output:
    """Make a host in the request's region, with its own key.

    Returns:
        The host's id, ARN and key; the secret is shown only here.
    """
    permit.require("hosts:RegisterHost", host_arn(permit, "*"))
    host = Host(
        host_id=new_resource_id("h"),
        name=request.name,
        partition=permit.partition,
        region=permit.region,
        account_id=permit.account_id,
        registered_at=permit.now,
        last_seen_at=permit.now,
        ephemeral=request.ephemeral,
        registered_by=permit.caller.owner_id,
    )
    access_key_id = new_access_key_id("AKIA", permit.account_id)
    secret_access_key = new_secret_access_key()
    tx.hosts.insert(host)
    tx.access_keys.insert(
        AccessKey(
            access_key_id=access_key_id,
            account_id=host.account_id,
            owner_id=host.host_id,
            sealed_secret=tx.vault.seal(secret_access_key.encode(), label=access_key_id),
            status=AccessKeyStatus.ACTIVE,
            created_at=permit.now,
        )
    )
    return answer(
        RegisterHostResult(
            host_id=host.host_id,
            arn=host.arn,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
        )
    )


def deregister_host(permit: Permit, request: DeregisterHostRequest, tx: Transaction) -> Output:
    """Remove a host: its keys, its certificate, its instances and their sessions end at once.

    Its instances are not shown as terminated for an hour: they are removed with their host.

    Raises:
        HostNotFound (400).
    """
    permit.require("hosts:DeregisterHost", host_arn(permit, request.host_id))
    host = tx.hosts.get(request.host_id)
    if host is None or host.region != permit.region:
        raise HostNotFound(host_id=request.host_id, region=permit.region)
    _remove(host, tx, permit.now)
    return {}


def describe_hosts(permit: Permit, _: DescribeHostsRequest, snapshot: Snapshot) -> Output:
    """List the hosts in the request's region, by id, with the instances placed on each."""
    permit.require("hosts:DescribeHosts", host_arn(permit, "*"))
    hosts = [snapshot.hosts[host_id] for host_id in sorted(snapshot.hosts)]
    return answer(
        DescribeHostsResult(
            hosts=tuple(_described(host, snapshot) for host in hosts if host.region == permit.region)
        )
    )


def _described(host: Host, snapshot: Snapshot) -> HostDescription:
    return HostDescription(
        host_id=host.host_id,
        arn=host.arn,
        name=host.name,
        region=host.region,
        registered_at=host.registered_at,
        last_seen_at=host.last_seen_at,
        ephemeral=host.ephemeral,
        enrolled=host.is_enrolled,
        key_fingerprint=host.key_fingerprint,
        instance_ids=tuple(instance.instance_id for instance in snapshot.instances_on_host(host.host_id)),
    )


def reap_unseen_hosts(tx: Transaction, now: datetime) -> tuple[str, ...]:
    """Remove the ephemeral hosts that have not reported for ten minutes; return their ids.

    For housekeeping. After an outage or a jump of the clock, let hosts report for a while first: none of them
    could report.
    """
    unseen = [host for host in tx.hosts.all() if host.ephemeral and now - host.last_seen_at >= UNSEEN_FOR]
    for host in unseen:
        _remove(host, tx, now)
    return tuple(host.host_id for host in unseen)


def _remove(host: Host, tx: Transaction, now: datetime) -> None:
    for instance in tx.instances.on_host(host.host_id):
        revoke(tx, "instance", instance.instance_id, now)
        remove_instance(tx, instance.instance_id)
    revoke(tx, "host", host.host_id, now)
    for access_key in tx.access_keys.of_owner(host.host_id):
        tx.access_keys.delete(access_key.access_key_id)
    tx.hosts.delete(host.host_id)


OPERATIONS: tuple[Operation, ...] = (
    Write(RegisterHostRequest, register_host_checks, register_host),
    Read(DescribeHostsRequest, describe_hosts_checks, describe_hosts),
    Write(DeregisterHostRequest, deregister_host_checks, deregister_host),
)
