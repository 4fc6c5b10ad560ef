"""Credentials of one running instance, in memory: its metadata service reads them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tabard.agent import rotation
from tabard.agent.agent_handover import MetadataState
from tabard.agent.edge_client import MintAnswer
from tabard.agent.reconcile import RoleOf, sessions_wanted
from tabard.agent.rotation import CurrentSession, MintRefusal, Rotation
from tabard.agent.waiting import Event
from tabard.clock import Clock, Deadline, read_clocks
from tabard.imds.source import CredentialsView, RefusedCredentials, RemovedRole, ServedCredentials
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile, GetInstanceIdentityResult
from tabard.model.session import RoleDelivery


@dataclass(slots=True, eq=False)
class _Slot:
    """One session that the agent renews. A replaced slot ignores late answers."""

    role: RoleOf
    rotation: Rotation
    in_flight: bool = False
    served: ServedCredentials | None = None
    """The answer for the session in `rotation_served`; reused while it is unchanged."""
    rotation_served: Rotation | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DueSession:
    """A session to request now. Its outcome goes back to the instance's credentials."""

    instance_id: str
    role_delivery: RoleDelivery
    role: RoleOf
    slot: _Slot


class InstanceCredentials:
    """The `CredentialSource` of one instance. It answers from memory and never returns an expired session."""

    def __init__(
        self,
        desired: DesiredInstance,
        *,
        clock: Clock,
        rotate_every: timedelta | None,
        random_source: random.Random,
    ) -> None:
        self._desired = desired
        self._clock = clock
        self._rotate_every_seconds = None if rotate_every is None else rotate_every.total_seconds()
        self._random = random_source
        self._slots: dict[RoleDelivery, _Slot] = {}
        self._identity: GetInstanceIdentityResult | None = None
        self._removed_role: RemovedRole | None = None
        self.on_change: Callable[[], None] | None = None
        """Called after each change of `metadata_state`, except a failed request for a session."""
        self.settled = Event()
        """Set once the edge has minted or refused every session that was wanted from the start."""
        self.identity_settled = Event()
        """Set once the signed identity document is there, or the first attempt to fetch it failed."""

    def metadata_state(self) -> MetadataState:
        """Return the metadata state that is served now, for the next agent."""
        sessions = {role_delivery: (slot.role, slot.rotation) for role_delivery, slot in self._slots.items()}
        return MetadataState(
            desired=self._desired,
            identity=self._identity,
            removed_role=self._removed_role,
            sessions=sessions,
        )

    def resume(self, metadata: MetadataState) -> None:
        """Resume from the metadata state of a former agent. Sessions keep their times of renewal."""
        self._desired = metadata.desired
        self._removed_role = metadata.removed_role
        self._slots = {
            role_delivery: _Slot(role, held) for role_delivery, (role, held) in metadata.sessions.items()
        }
        if metadata.identity is not None:
            self.set_identity(metadata.identity)
        if sessions_wanted(self._desired) == self.sessions:
            self._settle()

    def desired(self) -> DesiredInstance:
        """Return the latest desired state of the instance."""
        return self._desired

    def identity(self) -> GetInstanceIdentityResult | None:
        """Return the signed identity document; None before the edge has sent it."""
        return self._identity

    def set_identity(self, identity: GetInstanceIdentityResult) -> None:
        """Serve this identity document from now on."""
        self._identity = identity
        self.identity_settled.set()
        self._changed()

    def credentials(self, role_delivery: RoleDelivery) -> CredentialsView:
        """Return the last good session until it expires, else the refusal, else None. Injects faults."""
        if self._removed_role is not None:
            return self._removed_role
        slot = self._slots.get(role_delivery)
        if slot is None:
            return None
        faults = self._desired.faults
        if faults is not None and faults.credentials_code:
            return RefusedCredentials(
                association_id=slot.role.association_id,
                role_id=slot.role.role_id,
                code=faults.credentials_code,
                message="An injected fault: see tabard fault",
                last_updated=self._clock.now(),
            )
        held = rotation.servable(slot.rotation, now=read_clocks(self._clock))
        if held is not None:
            if faults is not None:
                return _served(slot.role, held, timedelta(seconds=faults.clock_skew_seconds))
            if slot.served is None or slot.rotation_served is not slot.rotation:
                # Return the same object while nothing changes: the metadata service renders it only once.
                slot.served = _served(slot.role, held, timedelta(0))
                slot.rotation_served = slot.rotation
            return slot.served
        refusal = slot.rotation.refusal
        if refusal is None:
            return None
        return RefusedCredentials(
            association_id=slot.role.association_id,
            role_id=slot.role.role_id,
            code=refusal.code,
            message=refusal.message,
            last_updated=refusal.refused_at,
        )

    @property
    def sessions(self) -> dict[RoleDelivery, RoleOf]:
        """The sessions that the agent renews, including those without a first answer."""
        return {role_delivery: slot.role for role_delivery, slot in self._slots.items()}

    def serving_association_id(self) -> str:
        """Return the association that the metadata shows, once its sessions were minted or refused."""
        instance_profile = self._desired.instance_profile
        if instance_profile is None or not self._is_decided():
            return ""
        return instance_profile.association_id

    def update_desired(self, desired: DesiredInstance) -> None:
        """Serve this desired state from now on. Sessions of another association are no longer shown.

        If somebody requested a rotation since the former state, every session is due.
        """
        if _rotations(desired) != _rotations(self._desired):
            now = read_clocks(self._clock)
            for role_delivery, slot in self._slots.items():
                # The edge issued an answer in flight before the request: the new slot ignores it.
                rotation_requested = rotation.rotation_requested(slot.rotation, now=now)
                self._slots[role_delivery] = _Slot(slot.role, rotation_requested)
        self._removed_role = _removed_role(
            self._desired.instance_profile,
            self._removed_role,
            desired.instance_profile,
            now=self._clock.now(),
        )
        self._desired = desired
        self._changed()

    def keep_session(self, role_delivery: RoleDelivery, role: RoleOf) -> None:
        """Begin to renew a session; it is due at once."""
        self._slots[role_delivery] = _Slot(role, rotation.begin(now=read_clocks(self._clock)))
        self._changed()

    def drop_session(self, role_delivery: RoleDelivery) -> None:
        """Forget a session now, and ignore any answer in flight for it."""
        self._slots.pop(role_delivery, None)
        self._changed()

    def next_attempt_at(self) -> Deadline | None:
        """Return when a session is due next; None while requests for all are in flight."""
        waiting = [slot.rotation.next_attempt_at for slot in self._slots.values() if not slot.in_flight]
        return Deadline.earliest(*waiting) if waiting else None

    def take_due(self) -> list[DueSession]:
        """Take the sessions to request now. Each is taken once, until its outcome comes back."""
        now = read_clocks(self._clock)
        due_sessions = []
        for role_delivery, slot in self._slots.items():
            if not slot.in_flight and rotation.is_due(slot.rotation, now=now):
                slot.in_flight = True
                due_sessions.append(DueSession(self._desired.instance_id, role_delivery, slot.role, slot))
        return due_sessions

    def accept(self, due: DueSession, answer: MintAnswer) -> bool:
        """Serve a new session at once. Returns False if it is not the requested one, or no longer wanted."""
        slot = due.slot
        slot.in_flight = False
        now = read_clocks(self._clock)
        credentials = answer.credentials
        # INVARIANT: a slot only ever holds sessions of its own association and role. The edge may know a
        # later desired state than this host. The next poll then brings a slot for that session.
        if RoleOf(credentials.association_id, credentials.role_id) != slot.role:
            slot.rotation = rotation.failed(slot.rotation, now=now, jitter=self._random.random())
            return False
        slot.rotation = rotation.minted(
            slot.rotation,
            credentials,
            requested_at=answer.requested_at,
            lifetime_seconds=answer.lifetime_seconds,
            now=now,
            rotate_every_seconds=self._rotate_every_seconds,
            jitter=self._random.random(),
        )
        self._settle()
        self._changed()
        return self._slots.get(due.role_delivery) is slot

    def accept_refusal(self, due: DueSession, *, code: str, message: str, refused_at: datetime) -> None:
        """Show the reason for the refusal, once the last good session has expired."""
        slot = due.slot
        slot.in_flight = False
        slot.rotation = rotation.refused(
            slot.rotation,
            MintRefusal(code=code, message=message, refused_at=refused_at),
            now=read_clocks(self._clock),
            jitter=self._random.random(),
        )
        self._settle()
        self._changed()

    def accept_failure(self, due: DueSession) -> None:
        """Retry later, and keep serving the present session. No effect after another outcome."""
        slot = due.slot
        if not slot.in_flight:
            return
        slot.in_flight = False
        slot.rotation = rotation.failed(
            slot.rotation, now=read_clocks(self._clock), jitter=self._random.random()
        )

    def _is_decided(self) -> bool:
        return all(
            slot.rotation.session is not None or slot.rotation.refusal is not None
            for slot in self._slots.values()
        )

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _settle(self) -> None:
        if self._is_decided():
            self.settled.set()


def _served(role: RoleOf, held: CurrentSession, skew: timedelta) -> ServedCredentials:
    return ServedCredentials(
        association_id=role.association_id,
        role_id=role.role_id,
        access_key_id=held.credentials.access_key_id,
        secret_access_key=held.credentials.secret_access_key,
        session_token=held.credentials.session_token,
        expires_at=held.credentials.expiration + skew,
        last_updated=held.credentials.last_updated + skew,
    )


def _removed_role(
    former: DesiredInstanceProfile | None,
    removed: RemovedRole | None,
    present: DesiredInstanceProfile | None,
    *,
    now: datetime,
) -> RemovedRole | None:
    """Return the removed role, if the present association had a role before and has none now."""
    if present is None or present.role_name:
        return None
    if removed is not None and removed.association_id == present.association_id:
        return removed
    if former is not None and former.role_name and former.association_id == present.association_id:
        return RemovedRole(association_id=present.association_id, removed_at=now)
    return None


def _rotations(desired: DesiredInstance) -> int:
    return 0 if desired.faults is None else desired.faults.rotations
