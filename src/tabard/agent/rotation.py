"""Rotation of an instance's session: when to replace it, and which one to serve. Pure functions of `now`.

Sessions expire, and replacements are due, by the boot-time clock or by this host's wall clock, whichever is
first. The wall-clock end is the host's own time of the request plus the lifetime, never the edge's expiry
time. So a host with a wrong clock serves sessions for as long as any other.

`jitter` is a random number from 0 up to 1. The caller draws it, so that instances spread their requests and a
test can seed every choice.

The numbers follow botocore. It refreshes credentials 15 minutes before they expire, insists at 10, and may
extend an expiry by minutes on its own. A session with more than 20 minutes left triggers none of that.
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
class CurrentSession:
    """A session in memory, and when it expires."""

    credentials: GetInstanceSessionResult
    ends_at: Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class MintRefusal:
    """The edge's refusal to assume this role for the instance."""

    code: str
    message: str
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The state of one session: the session itself, and when to request the next (at first: at once)."""

    next_attempt_at: Deadline
    session: CurrentSession | None = None
    refusal: MintRefusal | None = None
    failures: int = 0


def begin(*, now: ClockReading) -> Rotation:
    """Start without a session, due at once."""
    return Rotation(next_attempt_at=Deadline.after(now, 0))


def is_due(rotation: Rotation, *, now: ClockReading) -> bool:
    """Return whether it is time to request a session."""
    return rotation.next_attempt_at.has_come(now)


def servable(rotation: Rotation, *, now: ClockReading) -> CurrentSession | None:
    """Return the session to serve: the last good one until it expires, and never later."""
    session = rotation.session
    return session if session is not None and not session.ends_at.has_come(now) else None


def renewal_interval_seconds(*, lifetime_seconds: float, rotate_every_seconds: float | None) -> float:
    """Return how many seconds a session is served before it is replaced.

    Half of the lifetime. For short lifetimes, early enough to leave a quarter of the time above
    `SAFE_SECONDS` for retries. `rotate_every_seconds` shortens the interval for any lifetime. No interval
    makes a lifetime of `SAFE_SECONDS` or less safe: such a session is replaced at the shortest interval.
    """
    pace = min(lifetime_seconds / 2, (lifetime_seconds - SAFE_SECONDS) * 0.75)
    pace = max(pace, _SHORTEST_PACE_SECONDS)
    return pace if rotate_every_seconds is None else min(pace, rotate_every_seconds)


def minted(
    rotation: Rotation,
    credentials: GetInstanceSessionResult,
    *,
    requested_at: ClockReading,
    lifetime_seconds: float,
    now: ClockReading,
    rotate_every_seconds: float | None,
    jitter: float,
) -> Rotation:
    """Serve a new session. The former one stays valid at the edge, but is no longer served.

    The lifetime counts from the time of the request, the earliest time that it can have begun. The first
    renewal falls anywhere within the interval, so that instances started together do not renew together.
    Later renewals fall within its last fifth.
    """
    pace = renewal_interval_seconds(
        lifetime_seconds=lifetime_seconds, rotate_every_seconds=rotate_every_seconds
    )
    share = _first_share(jitter) if rotation.session is None else 0.8 + 0.2 * jitter
    return Rotation(
        next_attempt_at=Deadline.after(now, max(pace * share, min(1.0, pace))),
        session=CurrentSession(
            credentials=credentials, ends_at=Deadline.after(requested_at, lifetime_seconds)
        ),
    )


def _first_share(jitter: float) -> float:
    """Return the share of the interval before the first renewal: even, but thinner in the last fifth.

    Second renewals begin there. This is the distribution of the time left in a renewal process whose
    intervals are even between 0.8 and 1. With it, the renewals of many instances come at one rate from the
    launch on. An even spread to the end would double the rate just before the end.
    """
    return 0.9 * jitter if jitter < 8 / 9 else 1 - 0.6 * (1 - jitter) ** 0.5


def rotation_requested(rotation: Rotation, *, now: ClockReading) -> Rotation:
    """Replace the session early, because somebody asked for it.

    Wait one second: times of issue are whole seconds. An edge that has not yet seen the revocation of the
    former sessions could issue one in the same second, which the revocation would cover.
    """
    soon = Deadline.after(now, FORCED_ROTATION_SECONDS)
    return replace(rotation, next_attempt_at=Deadline.earliest(rotation.next_attempt_at, soon))


def failed(rotation: Rotation, *, now: ClockReading, jitter: float) -> Rotation:
    """Retry later, with a delay that doubles up to a minute. The present session stays."""
    return replace(
        rotation,
        next_attempt_at=Deadline.after(now, _retry_seconds(rotation, _LONGEST_RETRY_SECONDS, jitter)),
        failures=rotation.failures + 1,
    )


def refused(rotation: Rotation, refusal: MintRefusal, *, now: ClockReading, jitter: float) -> Rotation:
    """Record the refusal, and retry soon: somebody may repair the trust policy. The present session stays.

    Differs: AWS retries only at the next scheduled refresh.
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
    """Return the delay after `failures` in a row: 1, 2, 4 … seconds up to the longest, less up to half."""
    backoff = min(longest_seconds, first_seconds * 2.0 ** min(failures, 16))
    return backoff * (0.5 + 0.5 * jitter)


def _retry_seconds(rotation: Rotation, longest_seconds: float, jitter: float) -> float:
    return retry_seconds(rotation.failures, longest_seconds=longest_seconds, jitter=jitter)
