"""One relayed connection, as a table of stages and events. Pure.

Theory of operation. An instance's process connects to a listener (its side is *inside*), and the relay
connects further (*outside*). Either side may end: it sends no more, and still receives. Over TCP and UNIX
sockets the relay passes such an end on. TLS has no half of a connection, so there an end of the inside stays
unsaid: the connection ends once outside has answered and then been silent for a while, or ends itself. An
end of the outside over TLS ends the whole connection.

                  reached          inside ended             outside ended
    CONNECTING ──────────> OPEN ───────────────> INSIDE_ENDED ──────────────> CLOSED
                             │  outside ended                   inside ended     ^
                             └─────────────────> OUTSIDE_ENDED ──────────────────┤
                  reached          inside ended              outside ended       │
    CONNECTING ──────────> OPEN_TLS ───────────> INSIDE_ENDED_UNSAID ────────────┘

Each side may also end while the relay still connects: many servers speak first. `relay.py` reports what
happened, and does what the table says. An event without a row arrives too late, and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType


class Stage(Enum):
    """A stage of one relayed connection."""

    CONNECTING = auto()
    CONNECTING_INSIDE_ENDED = auto()
    CONNECTING_OUTSIDE_ENDED = auto()
    CONNECTING_BOTH_ENDED = auto()
    OPEN = auto()
    OPEN_TLS = auto()
    INSIDE_ENDED = auto()
    INSIDE_ENDED_UNSAID = auto()
    OUTSIDE_ENDED = auto()
    CLOSED = auto()


class RelayEvent(Enum):
    """An event of one relayed connection. `_TLS`: outside, ends cannot be passed on."""

    REACHED = auto()
    REACHED_TLS = auto()
    NOT_REACHED = auto()
    INSIDE_DATA = auto()
    OUTSIDE_DATA = auto()
    INSIDE_END = auto()
    OUTSIDE_END = auto()
    OUTSIDE_END_TLS = auto()
    SILENT = auto()
    INSIDE_LOST = auto()
    OUTSIDE_LOST = auto()


class Action(Enum):
    """The relay's reaction to an event. `CLOSE_…` sends the buffered bytes first; `ABORT_…` does not."""

    HOLD = auto()
    SEND_HELD = auto()
    READ_INSIDE = auto()
    SEND_OUT = auto()
    SEND_IN = auto()
    END_OUT = auto()
    END_IN = auto()
    AWAIT_ANSWER = auto()
    AWAIT_SILENCE = auto()
    AWAIT_INSIDE = auto()
    CLOSE_OUT = auto()
    CLOSE_IN = auto()
    ABORT_OUT = auto()
    ABORT_IN = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """The stage that follows, and what is done on the way, in order."""

    stage: Stage
    actions: tuple[Action, ...] = ()


def _row(steps: dict[RelayEvent, Step]) -> Mapping[RelayEvent, Step]:
    """Return a stage's row; that a connection is lost or silent closes it in each."""
    ends = {
        RelayEvent.NOT_REACHED: Step(Stage.CLOSED, (Action.ABORT_IN,)),
        RelayEvent.SILENT: Step(Stage.CLOSED, (Action.CLOSE_IN,)),
        RelayEvent.INSIDE_LOST: Step(Stage.CLOSED, (Action.CLOSE_OUT,)),
        RelayEvent.OUTSIDE_LOST: Step(Stage.CLOSED, (Action.CLOSE_IN,)),
    }
    return MappingProxyType({**ends, **steps})


_CLOSE_IN = Step(Stage.CLOSED, (Action.CLOSE_IN,))

NEXT: Mapping[Stage, Mapping[RelayEvent, Step]] = MappingProxyType(
    {
        Stage.CONNECTING: _row(
            {
                RelayEvent.REACHED: Step(Stage.OPEN, (Action.SEND_HELD, Action.READ_INSIDE)),
                RelayEvent.REACHED_TLS: Step(Stage.OPEN_TLS, (Action.SEND_HELD, Action.READ_INSIDE)),
                RelayEvent.INSIDE_DATA: Step(Stage.CONNECTING, (Action.HOLD,)),
                RelayEvent.OUTSIDE_DATA: Step(Stage.CONNECTING, (Action.SEND_IN,)),
                RelayEvent.INSIDE_END: Step(Stage.CONNECTING_INSIDE_ENDED),
                RelayEvent.OUTSIDE_END: Step(
                    Stage.CONNECTING_OUTSIDE_ENDED, (Action.END_IN, Action.AWAIT_INSIDE)
                ),
                RelayEvent.OUTSIDE_END_TLS: _CLOSE_IN,
            }
        ),
        Stage.CONNECTING_INSIDE_ENDED: _row(
            {
                RelayEvent.REACHED: Step(Stage.INSIDE_ENDED, (Action.SEND_HELD, Action.END_OUT)),
                RelayEvent.REACHED_TLS: Step(
                    Stage.INSIDE_ENDED_UNSAID, (Action.SEND_HELD, Action.AWAIT_ANSWER)
                ),
                RelayEvent.OUTSIDE_DATA: Step(Stage.CONNECTING_INSIDE_ENDED, (Action.SEND_IN,)),
                RelayEvent.OUTSIDE_END: _CLOSE_IN,
                RelayEvent.OUTSIDE_END_TLS: _CLOSE_IN,
            }
        ),
        Stage.CONNECTING_OUTSIDE_ENDED: _row(
            {
                RelayEvent.REACHED: Step(Stage.OUTSIDE_ENDED, (Action.SEND_HELD, Action.READ_INSIDE)),
                RelayEvent.INSIDE_DATA: Step(Stage.CONNECTING_OUTSIDE_ENDED, (Action.HOLD,)),
                RelayEvent.INSIDE_END: Step(Stage.CONNECTING_BOTH_ENDED),
            }
        ),
        Stage.CONNECTING_BOTH_ENDED: _row(
            {
                RelayEvent.REACHED: Step(Stage.CLOSED, (Action.SEND_HELD, Action.CLOSE_OUT, Action.CLOSE_IN)),
            }
        ),
        Stage.OPEN: _row(
            {
                RelayEvent.INSIDE_DATA: Step(Stage.OPEN, (Action.SEND_OUT,)),
                RelayEvent.OUTSIDE_DATA: Step(Stage.OPEN, (Action.SEND_IN,)),
                RelayEvent.INSIDE_END: Step(Stage.INSIDE_ENDED, (Action.END_OUT,)),
                RelayEvent.OUTSIDE_END: Step(Stage.OUTSIDE_ENDED, (Action.END_IN, Action.AWAIT_INSIDE)),
            }
        ),
        Stage.OPEN_TLS: _row(
            {
                RelayEvent.INSIDE_DATA: Step(Stage.OPEN_TLS, (Action.SEND_OUT,)),
                RelayEvent.OUTSIDE_DATA: Step(Stage.OPEN_TLS, (Action.SEND_IN,)),
                RelayEvent.INSIDE_END: Step(Stage.INSIDE_ENDED_UNSAID, (Action.AWAIT_ANSWER,)),
                RelayEvent.OUTSIDE_END_TLS: _CLOSE_IN,
            }
        ),
        Stage.INSIDE_ENDED: _row(
            {
                RelayEvent.OUTSIDE_DATA: Step(Stage.INSIDE_ENDED, (Action.SEND_IN,)),
                RelayEvent.OUTSIDE_END: _CLOSE_IN,
            }
        ),
        Stage.INSIDE_ENDED_UNSAID: _row(
            {
                RelayEvent.OUTSIDE_DATA: Step(
                    Stage.INSIDE_ENDED_UNSAID, (Action.SEND_IN, Action.AWAIT_SILENCE)
                ),
                RelayEvent.OUTSIDE_END_TLS: _CLOSE_IN,
            }
        ),
        Stage.OUTSIDE_ENDED: _row(
            {
                RelayEvent.INSIDE_DATA: Step(Stage.OUTSIDE_ENDED, (Action.SEND_OUT, Action.AWAIT_INSIDE)),
                RelayEvent.INSIDE_END: Step(Stage.CLOSED, (Action.CLOSE_OUT,)),
            }
        ),
        Stage.CLOSED: _row(
            {
                RelayEvent.REACHED: Step(Stage.CLOSED, (Action.ABORT_OUT,)),
                RelayEvent.REACHED_TLS: Step(Stage.CLOSED, (Action.ABORT_OUT,)),
            }
        ),
    }
)
