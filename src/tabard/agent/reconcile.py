"""The actions that bring an instance to its desired state. Pure: two values in, a list of actions out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tabard.model.messages import DesiredInstance, InstanceReport
from tabard.model.session import RoleDelivery


@dataclass(frozen=True, slots=True)
class RoleOf:
    """The role of a session: one role through one association. Another pair is another session."""

    association_id: str
    role_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedInstance:
    """The present state of one instance on this host.

    facts: the desired state that its metadata service serves now; None while it does not run.
    boot_number: of the present or last boot.
    reported: the last report that the edge acknowledged.
    """

    instance_id: str
    boot_number: int
    report: InstanceReport
    reported: InstanceReport | None = None
    desired: DesiredInstance | None = None
    sessions: Mapping[RoleDelivery, RoleOf] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartInstance:
    """Open the metadata listener, then start the main process."""

    desired: DesiredInstance


@dataclass(frozen=True, slots=True)
class RebootInstance:
    """End the main process and start it again. The listener and the sessions stay."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class StopInstance:
    """End the main process and the listener; the instance is then `stopped`."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class TerminateInstance:
    """End the main process and the listener; the instance is then `terminated`."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class UpdateDesired:
    """Serve this desired state from now on."""

    desired: DesiredInstance


@dataclass(frozen=True, slots=True)
class FetchSession:
    """Request a session of this role for this role delivery, and renew it."""

    instance_id: str
    role_delivery: RoleDelivery
    role: RoleOf


@dataclass(frozen=True, slots=True)
class DropSession:
    """Forget the session of this role delivery at once."""

    instance_id: str
    role_delivery: RoleDelivery


@dataclass(frozen=True, slots=True)
class Report:
    """Send a report to the edge."""

    report: InstanceReport


@dataclass(frozen=True, slots=True)
class ForgetInstance:
    """Remove the last files and records of a terminated instance."""

    instance_id: str


Action: TypeAlias = (
    StartInstance
    | RebootInstance
    | StopInstance
    | TerminateInstance
    | UpdateDesired
    | FetchSession
    | DropSession
    | Report
    | ForgetInstance
)


def reconcile(wanted: DesiredInstance | None, present: ObservedInstance | None) -> tuple[Action, ...]:
    """List the actions that lead one instance from its present to its desired state, in their order.

    Args:
        wanted: None if the desired state does not contain the instance.
        present: None if the instance is not on this host.

    The actions for one instance depend on no other. So one change costs the same on a host of a thousand.

    An instance that is missing in the desired state is terminated: nothing runs unaccounted for. An instance
    that stopped by itself stays stopped until a higher `boot_number` asks for another boot.
    """
    if wanted is not None:
        return tuple(_absent(wanted) if present is None else _present(wanted, present))
    if present is None:
        return ()
    if _is_over(present) or present.report.run_state == "stopped":
        return (ForgetInstance(present.instance_id),)
    if present.report.run_state != "shutting-down":
        return (TerminateInstance(present.instance_id),)
    return ()


def changed(
    former: Mapping[str, DesiredInstance], desired: Mapping[str, DesiredInstance], known: Iterable[str]
) -> list[str]:
    """Return the ids of instances to reconcile again: their desired state changed, or is gone."""
    anew = [instance_id for instance_id, wanted in desired.items() if former.get(instance_id) != wanted]
    return anew + [instance_id for instance_id in known if instance_id not in desired]


def sessions_wanted(desired: DesiredInstance) -> Mapping[RoleDelivery, RoleOf]:
    """Return the sessions an instance needs: "2.0", and "1.0" only if it allows reads without a token."""
    instance_profile = desired.instance_profile
    if (
        instance_profile is None
        or not instance_profile.role_id
        or desired.metadata_options.http_endpoint == "disabled"
    ):
        return {}
    role = RoleOf(instance_profile.association_id, instance_profile.role_id)
    if desired.metadata_options.http_tokens == "optional":
        return {"2.0": role, "1.0": role}
    return {"2.0": role}


def _absent(wanted: DesiredInstance) -> Iterator[Action]:
    if wanted.run_state == "running":
        yield StartInstance(wanted)
    else:
        yield Report(
            InstanceReport(
                instance_id=wanted.instance_id, boot_number=wanted.boot_number, run_state=wanted.run_state
            )
        )


def _present(wanted: DesiredInstance, present: ObservedInstance) -> Iterator[Action]:
    state = present.report.run_state
    match wanted.run_state:
        case "running" if state in ("pending", "running") and present.desired is not None:
            yield from _desired_and_sessions(wanted, present, present.desired)
            if wanted.boot_number > present.boot_number:
                yield RebootInstance(wanted.instance_id)
        case "running" if state == "stopped" and wanted.boot_number > present.boot_number:
            yield StartInstance(wanted)
            return
        case "stopped" if state in ("pending", "running"):
            yield StopInstance(wanted.instance_id)
        case "terminated" if state in ("pending", "running", "stopping", "stopped"):
            yield TerminateInstance(wanted.instance_id)
        case _:
            pass
    if present.report != present.reported:
        yield Report(present.report)


def _desired_and_sessions(
    wanted: DesiredInstance, present: ObservedInstance, desired: DesiredInstance
) -> Iterator[Action]:
    if desired != wanted:
        yield UpdateDesired(wanted)
    sessions = sessions_wanted(wanted)
    for role_delivery in present.sessions:
        if role_delivery not in sessions:
            yield DropSession(wanted.instance_id, role_delivery)
    for role_delivery, role in sessions.items():
        held = present.sessions.get(role_delivery)
        if held == role:
            continue
        if held is not None:
            yield DropSession(wanted.instance_id, role_delivery)
        yield FetchSession(wanted.instance_id, role_delivery, role)


def _is_over(observed: ObservedInstance) -> bool:
    return observed.report.run_state == "terminated"
