"""An instance's states from launch to removal, and the resources that end with it."""

from dataclasses import replace
from datetime import datetime, timedelta

from tabard.credentials.keyring import LONGEST_SESSION
from tabard.model.association import AssociationState
from tabard.model.instance import Instance, InstanceState
from tabard.model.revocation import Revocation, RevocationSubject
from tabard.store.ports import Transaction

USER_INITIATED = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
"""EC2's state reason for a user's request."""

KEPT_AFTER_TERMINATION = timedelta(hours=1)
"""AWS: "The instance entry remains visible for a short while after termination, about an hour"."""

REVOKE_ON_DISASSOCIATE = "revoke_on_disassociate"
"""The installation setting that makes disassociation end sessions: `yes`, or empty."""

SESSIONS_OUTLIVE_INSTANCES = "sessions_outlive_instances"
"""The setting that keeps a terminated instance's sessions valid, as on EC2: `yes`, or empty."""

REVOKED_FOR = 2 * LONGEST_SESSION
"""Longer than an edge without the store may continue to mint, plus the life of its last session."""

_ORDER = (
    InstanceState.PENDING,
    InstanceState.RUNNING,
    InstanceState.STOPPING,
    InstanceState.STOPPED,
    InstanceState.SHUTTING_DOWN,
    InstanceState.TERMINATED,
)
_RANK = {state: rank for rank, state in enumerate(_ORDER)}

ENDING = frozenset((InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED))


def next_state(current: InstanceState, reported: InstanceState) -> InstanceState:
    """Return the state after a host's report on the present boot; it never moves back.

    A late report (`running` of an instance that is shutting down) changes nothing. Only `boot_again` starts a
    stopped instance.
    """
    return max(current, reported, key=_RANK.__getitem__)


def move(
    tx: Transaction,
    instance: Instance,
    state: InstanceState,
    *,
    reason: tuple[str, str],
    now: datetime,
) -> Instance:
    """Write an instance's new state with its reason (EC2's code and message), and end its dependents.

    Differs: ending an instance revokes its sessions at once, unless `--no-revoke-on-terminate` is set; on EC2
        they stay valid until they expire.
    """
    moved = replace(
        instance,
        state=state,
        state_reason_code=reason[0],
        state_reason_message=reason[1],
        state_changed_at=now,
    )
    tx.instances.update(moved)
    if state in ENDING and instance.state not in ENDING:
        if not tx.installation.get(SESSIONS_OUTLIVE_INSTANCES):
            revoke(tx, "instance", instance.instance_id, now)
        _end_associations(tx, instance.instance_id, now)
    return moved


def boot_again(tx: Transaction, instance: Instance, *, now: datetime) -> Instance:
    """Start a stopped instance: it is pending, with a new launch time, until its host has booted it.

    AWS: LaunchTime is "the time that the instance was last launched".
    """
    started = replace(
        instance,
        state=InstanceState.PENDING,
        boot_number=instance.boot_number + 1,
        launched_at=now,
        state_reason_code="",
        state_reason_message="",
        state_changed_at=now,
    )
    tx.instances.update(started)
    return started


def revoke(tx: Transaction, subject: RevocationSubject, subject_id: str, now: datetime) -> None:
    """Refuse every session of an instance or host that was removed permanently.

    The mark is later than now: an edge that has not seen it may still mint, and that session is refused too.
    """
    ahead = now + REVOKED_FOR
    tx.revocations.record(
        Revocation(subject=subject, subject_id=subject_id, not_before=ahead, forget_after=ahead)
    )


def end_sessions(tx: Transaction, instance_id: str, now: datetime) -> None:
    """Refuse the present sessions of an instance; later ones are valid.

    Times of issue are whole seconds: `mint` gives a session after a mark a later time.
    """
    tx.revocations.record(
        Revocation(
            subject="instance",
            subject_id=instance_id,
            not_before=now.replace(microsecond=0),
            forget_after=now + REVOKED_FOR,
        )
    )


def remove_instance(tx: Transaction, instance_id: str) -> None:
    """Remove an instance, its associations and its console output."""
    for association in tx.associations.of_instance(instance_id):
        tx.associations.delete(association.association_id)
    tx.console_outputs.delete(instance_id)
    tx.instances.delete(instance_id)


def purge_terminated(tx: Transaction, now: datetime) -> int:
    """Remove the instances that have been terminated for an hour; return their number."""
    gone = [
        instance.instance_id
        for host in tx.hosts.all()
        for instance in tx.instances.on_host(host.host_id)
        if instance.state is InstanceState.TERMINATED
        and now - (instance.state_changed_at or instance.launched_at) >= KEPT_AFTER_TERMINATION
    ]
    for instance_id in gone:
        remove_instance(tx, instance_id)
    return len(gone)


def _end_associations(tx: Transaction, instance_id: str, now: datetime) -> None:
    for association in tx.associations.of_instance(instance_id):
        if association.state is not AssociationState.DISASSOCIATED:
            tx.associations.update(replace(association, state=AssociationState.DISASSOCIATED, changed_at=now))
