"""The actions for each pair of present and desired state, as a table."""

from dataclasses import replace

import msgspec
import pytest

from tabard.agent.reconcile import (
    Action,
    DropSession,
    FetchSession,
    ForgetInstance,
    ObservedInstance,
    RebootInstance,
    Report,
    RoleOf,
    StartInstance,
    StopInstance,
    TerminateInstance,
    UpdateDesired,
    changed,
    reconcile,
)
from tabard.model.messages import DesiredInstance, DesiredRunState, InstanceReport
from tests.support.described_instance import DESIRED, OPTIONS, PROFILE

ID = DESIRED.instance_id
ROLE = RoleOf(PROFILE.association_id, PROFILE.role_id)
OTHER = RoleOf("iip-assoc-0fedcba9876543210", PROFILE.role_id)


def report(state: str, **changes: str) -> InstanceReport:
    return InstanceReport(instance_id=ID, boot_number=0, run_state=state, **changes)


def seen(state: str, **changes: object) -> ObservedInstance:
    told = report(state)
    values: dict[str, object] = {"report": told, "reported": told, **changes}
    return ObservedInstance(instance_id=ID, boot_number=0, **values)


def running(**changes: object) -> ObservedInstance:
    return seen("running", **{"desired": DESIRED, "sessions": {"2.0": ROLE}, **changes})


def wanted(state: DesiredRunState = "running", **changes: object) -> DesiredInstance:
    return msgspec.structs.replace(DESIRED, run_state=state, **changes)


OPTIONAL = msgspec.structs.replace(OPTIONS, http_tokens="optional")
DISABLED = msgspec.structs.replace(OPTIONS, http_endpoint="disabled")
NO_ROLE = msgspec.structs.replace(PROFILE, role_name="", role_id="")
NEXT = msgspec.structs.replace(PROFILE, association_id=OTHER.association_id)
LATER = wanted(boot_number=1)

TABLE: dict[str, tuple[DesiredInstance | None, ObservedInstance | None, list[Action]]] = {
    "as it should be": (wanted(), running(), []),
    "not there": (wanted(), None, [StartInstance(wanted())]),
    "not there and not wanted": (wanted("terminated"), None, [Report(report("terminated"))]),
    "never started and stopped": (wanted("stopped"), None, [Report(report("stopped"))]),
    "starting": (wanted(), seen("pending"), []),
    "starting, metadata up": (
        wanted(),
        seen("pending", desired=DESIRED),
        [FetchSession(ID, "2.0", ROLE)],
    ),
    "to stop": (wanted("stopped"), running(), [StopInstance(ID)]),
    "to stop while starting": (wanted("stopped"), seen("pending"), [StopInstance(ID)]),
    "stopping": (wanted("stopped"), seen("stopping"), []),
    "stopped": (wanted("stopped"), seen("stopped"), []),
    "to terminate": (wanted("terminated"), running(), [TerminateInstance(ID)]),
    "to terminate after a stop": (wanted("terminated"), seen("stopped"), [TerminateInstance(ID)]),
    "to terminate while stopping": (wanted("terminated"), seen("stopping"), [TerminateInstance(ID)]),
    "terminating": (wanted("terminated"), seen("shutting-down"), []),
    "terminated": (wanted("terminated"), seen("terminated"), []),
    "terminated, not told": (
        wanted("terminated"),
        seen("terminated", reported=None),
        [Report(report("terminated"))],
    ),
    "ended by itself": (wanted(), seen("stopped"), []),
    "ended by itself, not told": (wanted(), seen("stopped", reported=None), [Report(report("stopped"))]),
    "started again": (LATER, seen("stopped"), [StartInstance(LATER)]),
    "started again while it stops": (LATER, seen("stopping"), []),
    "to reboot": (LATER, running(desired=LATER), [RebootInstance(ID)]),
    "to reboot, not told of it yet": (LATER, running(), [UpdateDesired(LATER), RebootInstance(ID)]),
    "rebooted": (LATER, replace(running(desired=LATER), boot_number=1), []),
    "forgotten by the edge": (None, running(), [TerminateInstance(ID)]),
    "forgotten, ending": (None, seen("shutting-down"), []),
    "forgotten and stopped": (None, seen("stopped"), [ForgetInstance(ID)]),
    "forgotten and over": (None, seen("terminated"), [ForgetInstance(ID)]),
    "new desired state": (
        wanted(tags=()),
        running(desired=wanted(user_data=b"x")),
        [UpdateDesired(wanted())],
    ),
    "tokens optional": (
        wanted(metadata_options=OPTIONAL),
        running(),
        [UpdateDesired(wanted(metadata_options=OPTIONAL)), FetchSession(ID, "1.0", ROLE)],
    ),
    "tokens required": (
        wanted(),
        running(sessions={"2.0": ROLE, "1.0": ROLE}),
        [DropSession(ID, "1.0")],
    ),
    "endpoint disabled": (
        wanted(metadata_options=DISABLED),
        running(),
        [UpdateDesired(wanted(metadata_options=DISABLED)), DropSession(ID, "2.0")],
    ),
    "associated": (wanted(), running(sessions={}), [FetchSession(ID, "2.0", ROLE)]),
    "association replaced": (
        wanted(instance_profile=NEXT),
        running(),
        [
            UpdateDesired(wanted(instance_profile=NEXT)),
            DropSession(ID, "2.0"),
            FetchSession(ID, "2.0", OTHER),
        ],
    ),
    "disassociated": (
        wanted(instance_profile=None),
        running(),
        [UpdateDesired(wanted(instance_profile=None)), DropSession(ID, "2.0")],
    ),
    "role taken out": (
        wanted(instance_profile=NO_ROLE),
        running(),
        [UpdateDesired(wanted(instance_profile=NO_ROLE)), DropSession(ID, "2.0")],
    ),
    "association to be told": (
        wanted(),
        running(report=report("running", association_id=PROFILE.association_id)),
        [Report(report("running", association_id=PROFILE.association_id))],
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_each_pair_of_states_leads_to_its_actions(case: str) -> None:
    desired, observed, actions = TABLE[case]
    assert reconcile(desired, observed) == tuple(actions)


def test_an_unknown_instance_needs_no_action() -> None:
    assert reconcile(None, None) == ()


def test_changed_and_missing_instances_are_reconciled_again() -> None:
    one, other, gone = "i-0123456789abcdef0", "i-0fedcba9876543210", "i-00000000000000001"
    former = {one: DESIRED, other: DESIRED}
    assert changed(former, dict(former), (one, other)) == []
    assert changed({}, former, ()) == [one, other]
    altered = {one: DESIRED, other: msgspec.structs.replace(DESIRED, boot_number=1)}
    assert changed(former, altered, (one, gone)) == [other, gone]
