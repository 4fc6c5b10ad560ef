"""The table of a relayed connection, cell by cell, and properties of every path through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.agent.relay_stages import NEXT, Action, RelayEvent, Stage

TABLE = """
                          REACHED        REACHED_TLS          INSIDE_DATA               OUTSIDE_DATA             INSIDE_END              OUTSIDE_END               OUTSIDE_END_TLS
CONNECTING                OPEN           OPEN_TLS             CONNECTING                CONNECTING               CONNECTING_INSIDE_ENDED CONNECTING_OUTSIDE_ENDED  CLOSED
CONNECTING_INSIDE_ENDED   INSIDE_ENDED   INSIDE_ENDED_UNSAID  -                         CONNECTING_INSIDE_ENDED  -                       CLOSED                    CLOSED
CONNECTING_OUTSIDE_ENDED  OUTSIDE_ENDED  -                    CONNECTING_OUTSIDE_ENDED  -                        CONNECTING_BOTH_ENDED   -                         -
CONNECTING_BOTH_ENDED     CLOSED         -                    -                         -                        -                       -                         -
OPEN                      -              -                    OPEN                      OPEN                     INSIDE_ENDED            OUTSIDE_ENDED             -
OPEN_TLS                  -              -                    OPEN_TLS                  OPEN_TLS                 INSIDE_ENDED_UNSAID     -                         CLOSED
INSIDE_ENDED              -              -                    -                         INSIDE_ENDED             -                       CLOSED                    -
INSIDE_ENDED_UNSAID       -              -                    -                         INSIDE_ENDED_UNSAID      -                       -                         CLOSED
OUTSIDE_ENDED             -              -                    OUTSIDE_ENDED             -                        CLOSED                  -                         -
CLOSED                    CLOSED         CLOSED               -                         -                        -                       -                         -
"""  # noqa: E501 - a table
_HEADER, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    (Stage[row[0]], RelayEvent[event], cell)
    for row in _ROWS
    for event, cell in zip(_HEADER, row[1:], strict=True)
]
ENDS = {
    RelayEvent.NOT_REACHED: Action.ABORT_IN,
    RelayEvent.SILENT: Action.CLOSE_IN,
    RelayEvent.INSIDE_LOST: Action.CLOSE_OUT,
    RelayEvent.OUTSIDE_LOST: Action.CLOSE_IN,
}
TIMERS = {Action.AWAIT_ANSWER, Action.AWAIT_SILENCE, Action.AWAIT_INSIDE}


def follow(*events: RelayEvent) -> tuple[Stage, list[Action]]:
    """The stage after these events, and everything that was done on the way."""
    stage, done = Stage.CONNECTING, []
    for event in events:
        step = NEXT[stage].get(event)
        if step is not None:
            stage = step.stage
            done += step.actions
    return stage, done


def test_the_table_here_names_every_stage_and_every_event() -> None:
    assert [row[0] for row in _ROWS] == [stage.name for stage in Stage] == [stage.name for stage in NEXT]
    assert {*_HEADER, *(event.name for event in ENDS)} == {event.name for event in RelayEvent}


@pytest.mark.parametrize(("stage", "event", "cell"), CELLS)
def test_each_event_leads_to_the_stage_of_the_table(stage: Stage, event: RelayEvent, cell: str) -> None:
    step = NEXT[stage].get(event)
    assert (step.stage.name if step is not None else "-") == cell


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize(("event", "action"), ENDS.items())
def test_a_lost_a_silent_and_an_unreached_connection_is_closed_in_each_stage(
    stage: Stage, event: RelayEvent, action: Action
) -> None:
    step = NEXT[stage][event]
    assert (step.stage, step.actions) == (Stage.CLOSED, (action,))


def test_a_server_may_speak_and_end_before_it_is_known_to_be_reached() -> None:
    stage, done = follow(RelayEvent.OUTSIDE_DATA, RelayEvent.OUTSIDE_END, RelayEvent.REACHED)
    assert stage is Stage.OUTSIDE_ENDED
    assert done == [
        Action.SEND_IN, Action.END_IN, Action.AWAIT_INSIDE, Action.SEND_HELD, Action.READ_INSIDE
    ]  # fmt: skip


def test_what_a_client_sends_early_is_held_and_sent_once_outside_is_reached_and_then_its_end() -> None:
    _, done = follow(RelayEvent.INSIDE_DATA, RelayEvent.INSIDE_END, RelayEvent.REACHED)
    assert done == [Action.HOLD, Action.SEND_HELD, Action.END_OUT]


def test_over_tls_an_end_of_the_client_waits_for_an_answer_and_then_for_silence() -> None:
    stage, done = follow(RelayEvent.REACHED_TLS, RelayEvent.INSIDE_END, RelayEvent.OUTSIDE_DATA)
    assert stage is Stage.INSIDE_ENDED_UNSAID
    assert done[2:] == [Action.AWAIT_ANSWER, Action.SEND_IN, Action.AWAIT_SILENCE]
    assert Action.END_OUT not in done


def test_a_client_that_still_sends_after_outside_has_ended_keeps_the_connection() -> None:
    _, done = follow(RelayEvent.REACHED, RelayEvent.OUTSIDE_END, RelayEvent.INSIDE_DATA)
    assert done[-2:] == [Action.SEND_OUT, Action.AWAIT_INSIDE]


@given(st.lists(st.sampled_from(RelayEvent), max_size=12))
def test_a_closed_connection_stays_closed_and_carries_nothing(events: list[RelayEvent]) -> None:
    _, before = follow(RelayEvent.REACHED, RelayEvent.INSIDE_LOST)
    stage, after = follow(RelayEvent.REACHED, RelayEvent.INSIDE_LOST, *events)
    assert stage is Stage.CLOSED
    assert not {Action.SEND_IN, Action.SEND_OUT, *TIMERS} & set(after[len(before) :])


@given(st.lists(st.sampled_from(RelayEvent), max_size=12))
def test_a_connection_of_which_one_side_has_ended_over_tls_or_outside_has_a_timer(
    events: list[RelayEvent],
) -> None:
    stage, done = follow(*events)
    if stage in (Stage.INSIDE_ENDED_UNSAID, Stage.OUTSIDE_ENDED):
        assert TIMERS & set(done)


@given(st.lists(st.sampled_from(RelayEvent), max_size=12))
def test_what_was_held_is_sent_at_most_once_and_never_after_what_follows_it(events: list[RelayEvent]) -> None:
    _, done = follow(*events)
    assert done.count(Action.SEND_HELD) <= 1
    if Action.SEND_OUT in done:
        assert done.index(Action.SEND_HELD) < done.index(Action.SEND_OUT)
