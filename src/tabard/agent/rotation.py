"""When an instance's session is replaced, and what may be served meanwhile. Pure functions of `now`.

Sessions end, and replacements are due, by the boot-time clock or by this host's wall clock, whichever comes
first. The wall-clock end is the host's own time of asking plus the lifetime, never the edge's time of expiry:
a host whose clock is wrong all the time serves sessions for as long as any other.

`jitter` is a number from 0 up to 1 that the caller draws, so that many instances never ask at the same moment
and a test can seed every choice.

The numbers follow botocore: it refreshes credentials 15 minutes before their expiry, insists at 10, and may
stretch an expiry by minutes on its own; a session with more than 20 minutes left is safe from all of that.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from tabard.clock import ClockReading, Deadline
from tabard.model.messages import GetInstanceSessionResult

SAFE_SECONDS = 20 * 60
FORCED_ROTATION_SECONDS = 1.0
_SHORTEST_PACE_SECONDS = 15.0
FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0
_LONGEST_RETRY_AFTER_REFUSAL_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSession:
    """A session in memory, and when it ends."""

    credentials: GetInstanceSessionResult
    ends_at: Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class MintRefusal:
    """The edge said that this role cannot be assumed for the instance."""

    code: str
    message: str
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Where one session stands: what is held, and when to ask next (a fresh one asks at once)."""

    next_attempt_at: Deadline
    session: HeldSession | None = None
    refusal: MintRefusal | None = None
    failures: int = 0


def begin(*, now: ClockReading) -> Rotation:
    """Start with nothing, due at once."""
    return Rotation(next_attempt_at=Deadline.after(now, 0))


def is_due(rotation: Rotation, *, now: ClockReading) -> bool:
    """Whether it is time to ask for a session."""
    return rotation.next_attempt_at.has_come(now)


def servable(rotation: Rotation, *, now: ClockReading) -> HeldSession | None:
    """The session to hand out: the last good one until its very end, and never after it."""
    session = rotation.session
    return session if session is not None and not session.ends_at.has_come(now) else None


def pace_seconds(*, lifetime_seconds: float, rotate_every_seconds: float | None) -> float:
    """How long a session is served before it is replaced.

    Half of the lifetime, and for short ones early enough that a quarter of the time above `SAFE_SECONDS` is
    left for retries; `rotate_every_seconds` shortens it at will, whatever the lifetime. A lifetime of
    `SAFE_SECONDS` or less cannot be kept safe: it is replaced at the shortest pace.
    """
    pace = min(lifetime_seconds / 2, (lifetime_seconds - SAFE_SECONDS) * 0.75)
    pace = max(pace, _SHORTEST_PACE_SECONDS)
    return pace if rotate_every_seconds is None else min(pace, rotate_every_seconds)


def minted(
    rotation: Rotation,
    credentials: GetInstanceSessionResult,
    *,
    asked_at: ClockReading,
    lifetime_seconds: float,
    now: ClockReading,
    rotate_every_seconds: float | None,
    jitter: float,
) -> Rotation:
    """Hold a new session; the former one stays valid at the edge and is simply no longer handed out.

    The lifetime is counted from when it was asked for, the earliest moment that it can have begun. The first
    renewal falls anywhere within the pace, so that instances started together do not renew together; later
    ones fall within the last fifth of it.
    """
    pace = pace_seconds(lifetime_seconds=lifetime_seconds, rotate_every_seconds=rotate_every_seconds)
    share = _first_share(jitter) if rotation.session is None else 0.8 + 0.2 * jitter
    return Rotation(
        next_attempt_at=Deadline.after(now, max(pace * share, min(1.0, pace))),
        session=HeldSession(credentials=credentials, ends_at=Deadline.after(asked_at, lifetime_seconds)),
    )


def _first_share(jitter: float) -> float:
    """How much of the pace passes before the first renewal: even, but thinner in the last fifth.

    Second renewals begin there. With this, the time left at any moment of a renewal process whose intervals
    are even between 0.8 and 1, the renewals of many instances come at one rate from the launch on; spread
    evenly to the end, there would be twice as many just before it.
    """
    return 0.9 * jitter if jitter < 8 / 9 else 1 - 0.6 * (1 - jitter) ** 0.5


def hastened(rotation: Rotation, *, now: ClockReading) -> Rotation:
    """Replace the session out of turn, because somebody asked for it.

    After a second: times of issue are whole seconds, and an edge that has not yet seen the mark which ended
    the former sessions would issue one in that same second, under it.
    """
    soon = Deadline.after(now, FORCED_ROTATION_SECONDS)
    return replace(rotation, next_attempt_at=Deadline.earliest(rotation.next_attempt_at, soon))


def failed(rotation: Rotation, *, now: ClockReading, jitter: float) -> Rotation:
    """Ask again later, twice as late each time up to a minute; what is held stays held."""
    return replace(
        rotation,
        next_attempt_at=Deadline.after(now, _retry_seconds(rotation, _LONGEST_RETRY_SECONDS, jitter)),
        failures=rotation.failures + 1,
    )


def refused(rotation: Rotation, refusal: MintRefusal, *, now: ClockReading, jitter: float) -> Rotation:
    """Remember why; ask again soon, since a trust policy may be mended at any time. What is held stays held.

    Differs: AWS asks again at the next scheduled refresh only.
    """
    wait_seconds = _retry_seconds(rotation, _LONGEST_RETRY_AFTER_REFUSAL_SECONDS, jitter)
    return replace(
        rotation,
        refusal=refusal,
        next_attempt_at=Deadline.after(now, wait_seconds),
        failures=rotation.failures + 1,
    )


def retry_seconds(
    failures: int, *, longest_seconds: float, jitter: float, first_seconds: float = FIRST_RETRY_SECONDS
) -> float:
    """How long to wait after `failures` in a row: 1, 2, 4 … seconds up to the longest, less up to half."""
    backoff = min(longest_seconds, first_seconds * 2.0 ** min(failures, 16))
    return backoff * (0.5 + 0.5 * jitter)


def _retry_seconds(rotation: Rotation, longest_seconds: float, jitter: float) -> float:
    return retry_seconds(rotation.failures, longest_seconds=longest_seconds, jitter=jitter)
