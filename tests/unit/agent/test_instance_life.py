"""The table of an instance's life, row by row, and properties of every path through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.agent.instance_life import (
    AGENT_ENDED,
    BY_REQUEST,
    NEXT,
    NO_REASON,
    ImpossibleEvent,
    Life,
    LifeEvent,
    Phase,
    Reason,
    Stage,
    after,
    at_rest,
)

BY_ITSELF: Reason = ("Client.InstanceInitiatedShutdown", "exit status 0")
IMPOSSIBLE = "impossible"
SAME = "same"

TABLE = """
                      LAUNCH    ADOPT    STOP      TERMINATE      AGENT_ENDS  REBOOT                STARTED        MAIN_ENDED     CLOSED
NOT_BEGUN             STARTING  RUNNING  STOPPED   TERMINATED     STOPPED     same                  impossible     impossible     impossible
STARTING              same      same     STOPPING  SHUTTING_DOWN  STOPPING    STARTING_TO_REBOOT    RUNNING        impossible     STOPPED
STARTING_TO_REBOOT    same      same     STOPPING  SHUTTING_DOWN  STOPPING    same                  REBOOTING      impossible     STOPPED
RUNNING               same      same     STOPPING  SHUTTING_DOWN  STOPPING    REBOOTING             impossible     ENDING         STOPPED
REBOOTING             same      same     STOPPING  SHUTTING_DOWN  STOPPING    same                  impossible     RESTARTING     STOPPED
RESTARTING            same      same     STOPPING  SHUTTING_DOWN  STOPPING    RESTARTING_TO_REBOOT  RUNNING        impossible     STOPPED
RESTARTING_TO_REBOOT  same      same     STOPPING  SHUTTING_DOWN  STOPPING    same                  REBOOTING      impossible     STOPPED
ENDING                same      same     STOPPING  SHUTTING_DOWN  STOPPING    same                  impossible     impossible     STOPPED
STOPPING              same      same     same      SHUTTING_DOWN  same        same                  STOPPING       STOPPING       STOPPED
SHUTTING_DOWN         same      same     same      same           same        same                  SHUTTING_DOWN  SHUTTING_DOWN  TERMINATED
STOPPED               STARTING  RUNNING  STOPPED   TERMINATED     same        same                  impossible     impossible     impossible
TERMINATED            same      same     same      same           same        same                  impossible     impossible     impossible
"""  # noqa: E501 - a table
_HEADER, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    (Stage[row[0]], LifeEvent[event], cell)
    for row in _ROWS
    for event, cell in zip(_HEADER, row[1:], strict=True)
]


def test_the_table_here_names_every_stage_and_every_event() -> None:
    assert [row[0] for row in _ROWS] == [stage.name for stage in Stage] == [stage.name for stage in NEXT]
    assert sorted(_HEADER) == sorted(event.name for event in LifeEvent)


@pytest.mark.parametrize(("stage", "event", "cell"), CELLS)
def test_each_event_leads_to_the_stage_of_the_table(stage: Stage, event: LifeEvent, cell: str) -> None:
    life = Life(stage=stage)
    if cell == IMPOSSIBLE:
        with pytest.raises(ImpossibleEvent, match=f"{event.name} in the stage {stage.name}"):
            after(life, event)
        return
    assert after(life, event).stage is (stage if cell == SAME else Stage[cell])


@pytest.mark.parametrize(
    ("phase", "stages"),
    [
        ("pending", {Stage.NOT_BEGUN, Stage.STARTING, Stage.STARTING_TO_REBOOT}),
        (
            "running",
            {Stage.RUNNING, Stage.REBOOTING, Stage.RESTARTING, Stage.RESTARTING_TO_REBOOT, Stage.ENDING},
        ),
        ("stopping", {Stage.STOPPING}),
        ("shutting-down", {Stage.SHUTTING_DOWN}),
        ("stopped", {Stage.STOPPED}),
        ("terminated", {Stage.TERMINATED}),
    ],
)
def test_each_stage_shows_one_state_of_ec2(phase: Phase, stages: set[Stage]) -> None:
    assert {stage for stage in Stage if Life(stage=stage).phase == phase} == stages


def through(*events: LifeEvent | tuple[LifeEvent, Reason]) -> Life:
    """A new life after these events."""
    life = Life()
    for each in events:
        event, reason = each if isinstance(each, tuple) else (each, NO_REASON)
        life = after(life, event, reason)
    return life


def test_an_instance_that_ends_by_itself_shows_its_exit_status() -> None:
    life = through(LifeEvent.LAUNCH, LifeEvent.STARTED, LifeEvent.MAIN_ENDED, (LifeEvent.CLOSED, BY_ITSELF))
    assert (life.phase, life.reason) == ("stopped", BY_ITSELF)


def test_a_stopped_instance_shows_the_requester_for_any_exit_status() -> None:
    asked = (LifeEvent.LAUNCH, LifeEvent.STARTED, (LifeEvent.STOP, BY_REQUEST), LifeEvent.MAIN_ENDED)
    assert through(*asked).reason == NO_REASON
    life = through(*asked, (LifeEvent.CLOSED, BY_ITSELF))
    assert (life.phase, life.reason) == ("stopped", BY_REQUEST)


def test_a_stopping_instance_can_be_terminated() -> None:
    life = through(
        LifeEvent.LAUNCH,
        (LifeEvent.AGENT_ENDS, AGENT_ENDED),
        (LifeEvent.TERMINATE, BY_REQUEST),
        (LifeEvent.CLOSED, BY_ITSELF),
    )
    assert (life.phase, life.reason) == ("terminated", BY_REQUEST)


def test_an_instance_that_never_began_stops_at_once_with_the_reason() -> None:
    life = through((LifeEvent.STOP, BY_REQUEST))
    assert (life.phase, life.reason) == ("stopped", BY_REQUEST)


def test_a_reboot_ends_the_main_process_once_and_starts_it_again() -> None:
    running = through(LifeEvent.LAUNCH, LifeEvent.STARTED)
    assert not running.is_main_to_end
    rebooting = after(after(running, LifeEvent.REBOOT), LifeEvent.REBOOT)
    assert (rebooting.is_main_to_end, rebooting.is_to_restart) == (True, False)
    restarting = after(rebooting, LifeEvent.MAIN_ENDED)
    assert (restarting.is_main_to_end, restarting.is_to_restart) == (False, True)
    again = after(restarting, LifeEvent.STARTED)
    assert (again.stage, again.is_main_to_end, again.is_to_restart) == (Stage.RUNNING, False, False)


def test_a_stop_in_the_middle_of_a_reboot_starts_nothing_again() -> None:
    life = through(
        LifeEvent.LAUNCH, LifeEvent.STARTED, LifeEvent.REBOOT, LifeEvent.STOP, LifeEvent.MAIN_ENDED
    )
    assert (life.is_to_restart, life.is_to_stop) == (False, True)


@pytest.mark.parametrize(
    ("events", "is_hurried"),
    [
        ((LifeEvent.STOP,), False),
        ((LifeEvent.REBOOT,), False),
        ((LifeEvent.TERMINATE,), True),
        ((LifeEvent.AGENT_ENDS,), True),
        ((LifeEvent.STOP, LifeEvent.AGENT_ENDS), True),
        ((LifeEvent.STOP, LifeEvent.TERMINATE), True),
        ((LifeEvent.REBOOT, LifeEvent.AGENT_ENDS), True),
        ((LifeEvent.TERMINATE, LifeEvent.AGENT_ENDS), True),
    ],
)
def test_termination_and_the_agents_end_shorten_the_grace(
    events: tuple[LifeEvent, ...], is_hurried: bool
) -> None:
    assert through(LifeEvent.LAUNCH, LifeEvent.STARTED, *events).is_hurried is is_hurried


@pytest.mark.parametrize("phase", ["running", "stopping", "shutting-down"])
def test_a_stopped_instance_neither_runs_nor_ends(phase: Phase) -> None:
    with pytest.raises(KeyError):
        at_rest(phase)


def test_a_new_launch_forgets_the_life_before() -> None:
    before = at_rest("stopped", AGENT_ENDED)
    hurried = after(before, LifeEvent.AGENT_ENDS, AGENT_ENDED)
    assert after(hurried, LifeEvent.LAUNCH) == Life(stage=Stage.STARTING)


@given(st.lists(st.sampled_from(LifeEvent), max_size=30))
def test_on_every_way_through_it_a_terminated_instance_stays_terminated_and_a_stop_is_never_undone(
    events: list[LifeEvent],
) -> None:
    life = Life()
    for event in events:
        before = life
        try:
            life = after(before, event, BY_ITSELF)
        except ImpossibleEvent:
            continue
        if before.stage is Stage.TERMINATED:
            assert life.phase == "terminated"
        if before.is_to_stop:
            assert life.is_to_stop or not life.is_under_way
        if life.is_to_restart:
            assert life.phase == "running"
