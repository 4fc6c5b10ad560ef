"""docs/rotation.md: what botocore's own credential classes do with each way of replacing sessions.

The clock is moved by hand, so the figures are the same at every run, whatever the machine.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from textwrap import fill
from unittest.mock import patch

import botocore
import botocore.utils
from botocore.credentials import RefreshableCredentials
from botocore.utils import InstanceMetadataFetcher

from sources.markdown import NOTICE, table
from tabard.agent.rotation import SAFE_SECONDS, renewal_interval_seconds

BEGIN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
WHOLE = timedelta(hours=40)
CALL_EVERY = timedelta(seconds=20)
LIFETIMES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=6),
)
RateLimit = Callable[[timedelta], timedelta | None]

_INTRODUCTION = (
    """How a session is replaced decides how often clients ask for it, and whether a client ever signs with
    expired keys. botocore asks for new credentials when fewer than 15 minutes are left and insists
    at 10; if an expiry is too near, it *stretches* it to 12–20 minutes from then. It signs with the same keys
    for up to five more minutes before it asks again.""",
    f"""Below, botocore {botocore.__version__}'s own classes read credentials from a metadata service, for
    {WHOLE // timedelta(hours=1)} hours, and sign a request every {CALL_EVERY // timedelta(seconds=1)}
    seconds. The clock is a manual one: the figures are exact, and the same on every machine.""",
)
_SHORTEST_PACE_SECONDS = int(
    renewal_interval_seconds(lifetime_seconds=SAFE_SECONDS, rotate_every_seconds=None)
)
_AFTER = (
    f"""No interval makes sessions of minutes safe, so Tabard refuses lifetimes below {
        SAFE_SECONDS // 60
    } minutes. If a session is replaced late, every client asks for it every few calls. So Tabard
    replaces a session at half of its lifetime, and early enough that more than {
        SAFE_SECONDS // 60
    } minutes are always left: no client ever sees an expiry that it would stretch. Of a lifetime
    of just {SAFE_SECONDS // 60} minutes nothing can be left, so its keys change every
    {_SHORTEST_PACE_SECONDS} seconds. `--rotate-every` sets another interval, for any lifetime.
    Old and new keys are both valid until each expires.""",
    """**Outages.** A metadata read never waits for an edge: sessions are in memory, and the service returns
    them until they expire. While the edges or the store are away, the agent keeps serving its sessions and
    retries every minute at the latest. If the agent is killed, a second one stands by
    and serves the same sessions to the same metadata tokens within milliseconds
    ([0020](decisions/0020-standby-agent.md)). Edges share their listening sockets: when one of
    several is killed, the others accept new connections. Edges decide and make sessions from their snapshot
    while the store is away, for `--store-outage-bound-seconds`. `make soak` tests all of this with
    boto3, the AWS CLI and the SDK for JavaScript, and no call fails.""",
    """**Clocks.** A session ends by the machine's boot-time clock, which counts sleep, or by its wall clock,
    whichever comes first ([0025](decisions/0025-deadlines-are-on-two-clocks.md)). Metadata tokens and
    the bound on a store outage expire in the same way. A machine that slept past a session's end, or whose
    clock is set forward past it, answers 503 until the agent has a new session: it asks within two
    seconds. A clock that is set back neither extends nor ends a session.""",
    """AWS: [retrieve security credentials from instance
    metadata](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html).""",
)


@dataclass
class _Metadata:
    """A metadata service with one session, replaced when its pace is over; counts what it is asked."""

    lifetime: timedelta
    pace: timedelta
    now: datetime = BEGIN
    issued_at: datetime = BEGIN
    reads: int = 0
    ends: dict[str, datetime] = field(default_factory=dict)

    def document(self) -> Mapping[str, str]:
        self.reads += 1
        while self.now >= self.issued_at + self.pace:
            self.issued_at += self.pace
        key = f"ASIA{int(self.issued_at.timestamp())}"
        self.ends[key] = self.issued_at + self.lifetime
        return {
            "AccessKeyId": key,
            "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "Token": "token",
            "Expiration": self.ends[key].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


class _Fetcher(InstanceMetadataFetcher):  # type: ignore[misc]
    """botocore's, but for the wire."""

    def __init__(self, metadata: _Metadata) -> None:
        super().__init__(env={})
        self._metadata = metadata

    def _fetch_metadata_token(self) -> str:
        return "token"

    def _get_iam_role(self, token: str | None = None) -> str:  # noqa: ARG002 - botocore's signature
        return "web"

    def _get_credentials(self, role_name: str, token: str | None = None) -> Mapping[str, str]:  # noqa: ARG002
        return self._metadata.document()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What 40 hours of one client came to."""

    reads_per_hour: float
    calls: int
    expired_calls: int


def outcome(lifetime: timedelta, pace: timedelta) -> Outcome:
    """Let botocore live through the hours."""
    metadata = _Metadata(lifetime=lifetime, pace=pace)
    fetcher = _Fetcher(metadata)
    calls = expired = 0
    with _clock_of(metadata):
        credentials = RefreshableCredentials.create_from_metadata(
            metadata=fetcher.retrieve_iam_role_credentials(),
            method="iam-role",
            refresh_using=fetcher.retrieve_iam_role_credentials,
        )
        credentials._time_fetcher = lambda: metadata.now
        while metadata.now < BEGIN + WHOLE:
            calls += 1
            key = credentials.get_frozen_credentials().access_key
            expired += metadata.ends[key] <= metadata.now
            metadata.now += CALL_EVERY
    return Outcome(
        reads_per_hour=metadata.reads / (WHOLE / timedelta(hours=1)), calls=calls, expired_calls=expired
    )


@contextmanager
def _clock_of(metadata: _Metadata) -> Iterator[None]:
    state = random.getstate()
    random.seed(1)  # botocore's jitter
    try:
        with (
            patch.object(botocore.utils, "get_current_datetime", lambda: metadata.now.replace(tzinfo=None)),
            patch.object(botocore.credentials, "_local_now", lambda: metadata.now),
        ):
            yield
    finally:
        random.setstate(state)


def _ahead(lead: timedelta) -> RateLimit:
    return lambda lifetime: lifetime - lead if lifetime > lead else None


def _tabards(lifetime: timedelta) -> timedelta | None:
    if lifetime.total_seconds() < SAFE_SECONDS:
        return None
    return timedelta(
        seconds=renewal_interval_seconds(lifetime_seconds=lifetime.total_seconds(), rotate_every_seconds=None)
    )


WAYS: Mapping[str, RateLimit] = {
    "5 minutes ahead": _ahead(timedelta(minutes=5)),
    "20 minutes ahead": _ahead(timedelta(minutes=20)),
    "at half": lambda lifetime: lifetime / 2 if lifetime.total_seconds() < SAFE_SECONDS else None,
    "as Tabard does": _tabards,
}


def rotation_page() -> str:
    """The page."""
    rows = []
    for lifetime in LIFETIMES:
        for way, pace_of in WAYS.items():
            pace = pace_of(lifetime)
            if pace is None:
                continue
            came_to = outcome(lifetime, pace)
            rows.append(
                (
                    _shown(lifetime),
                    way,
                    f"every {_shown(pace)}",
                    f"{came_to.reads_per_hour:.1f}",
                    f"{came_to.expired_calls:,} of {came_to.calls:,}",
                )
            )
    head = (
        "lifetime",
        "replaced",
        "new keys",
        "metadata reads an hour",
        "calls signed with an expired session",
    )
    parts = [
        NOTICE,
        "# Rotation",
        *map(_filled, _INTRODUCTION),
        table(head, rows).rstrip(),
        *map(_filled, _AFTER),
    ]
    return "\n\n".join(parts) + "\n"


def _filled(paragraph: str) -> str:
    return fill(" ".join(paragraph.split()), 118, break_long_words=False, break_on_hyphens=False)


def _shown(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
