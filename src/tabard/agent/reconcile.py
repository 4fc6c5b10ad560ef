"""What a host has to do to make its desired state true. Pure: two values in, a list of actions out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tabard.model.messages import DesiredInstance, InstanceReport
from tabard.model.session import RoleDelivery


@dataclass(frozen=True, slots=True)
class RoleOf:
    """Whose session it is: one role by way of one association. Another pair is another session."""

    association_id: str
    role_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedInstance:
    """What is true of one instance on this host.

    `facts` is what its metadata service tells now, None where it has none (not running). `boot_number` says
    which boot this is about. `reported` is the last report that the edge has acknowledged.
    """

    instance_id: str
    boot_number: int
    report: InstanceReport
    reported: InstanceReport | None = None
    facts: DesiredInstance | None = None
    sessions: Mapping[RoleDelivery, RoleOf] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartInstance:
    """Open the metadata listener, then start the main process."""

    desired: DesiredInstance


@dataclass(frozen=True, slots=True)
class RebootInstance:
    """End the main process and start it again; listener and sessions stay."""

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
class UpdateFacts:
    """Tell these facts from now on."""

    desired: DesiredInstance


@dataclass(frozen=True, slots=True)
class FetchSession:
    """Get and keep a session of this role for this role delivery."""

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
    """Tell the edge."""

    report: InstanceReport


@dataclass(frozen=True, slots=True)
class ForgetInstance:
    """Remove what the host still keeps of an instance that is over."""

    instance_id: str


Action: TypeAlias = (
    StartInstance
    | RebootInstance
    | StopInstance
    | TerminateInstance
    | UpdateFacts
    | FetchSession
    | DropSession
    | Report
    | ForgetInstance
)


def reconcile(wanted: DesiredInstance | None, present: ObservedInstance | None) -> tuple[Action, ...]:
    """List the actions that lead one instance from what is to what should be, in the order to take them in.

    None for what the edge does not speak of, or what is not on this host. What one instance needs does not
    depend on any other, so that a change of one costs a host of a thousand no more than a host of one.

    An instance that the edge no longer speaks of is terminated: nothing runs unaccounted for. An instance
    that has stopped by itself stays stopped until it is to be booted again (a higher `boot_number`).
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
    """The ids of instances to look at again: those of which the edge says something else, or nothing."""
    anew = [instance_id for instance_id, wanted in desired.items() if former.get(instance_id) != wanted]
    return anew + [instance_id for instance_id in known if instance_id not in desired]


def sessions_wanted(desired: DesiredInstance) -> Mapping[RoleDelivery, RoleOf]:
    """The sessions an instance needs: "2.0", and "1.0" only where reads without a metadata token pass."""
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
        case "running" if state in ("pending", "running") and present.facts is not None:
            yield from _facts_and_sessions(wanted, present, present.facts)
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


def _facts_and_sessions(
    wanted: DesiredInstance, present: ObservedInstance, facts: DesiredInstance
) -> Iterator[Action]:
    if facts != wanted:
        yield UpdateFacts(wanted)
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
