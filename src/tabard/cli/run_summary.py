"""The end of `tabard run`: how many requests of the instance were allowed, denied and not offered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from botocore.exceptions import BotoCoreError, ClientError

from tabard.administration.audit_pages import PAGE, Audit
from tabard.administration.call_errors import CallFailed, ClientUnusable
from tabard.administration.client import SystemClient
from tabard.administration.system_audit import SystemAudit
from tabard.cli.shown import printable
from tabard.model.audit_event import AuditEvent, Outcome
from tabard.model.audit_query import DENIED, EventFilter, EventPosition

MOST_EVENTS = 20_000
"""The summary counts no further: a run of a load test shall not wait for its count."""

MOST_DENIALS = 10
"""The summary of a system that ends with the run shows so many denials."""

_HOSTS = "hosts"


@dataclass(frozen=True, slots=True)
class Counted:
    """The requests of an instance by outcome, and the last of its denials."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    denials: Sequence[AuditEvent] = ()
    is_complete: bool = True

    def in_words(self) -> str:
        """Return the counts: allowed, denied and not offered always, the other outcomes if there are any."""
        named: list[Outcome] = ["allowed", *DENIED]
        named += [other for other in get_args(Outcome) if other not in named and self.outcomes[other]]
        counts = ", ".join(f"{self.outcomes[each]} {each.replace('_', ' ')}" for each in named)
        return counts if self.is_complete else f"{counts} (of the last {MOST_EVENTS} requests)"


def summary_lines(client: SystemClient, instance_id: str, *, audit_options: str | None) -> Iterator[str]:
    """Yield the lines of the summary; one line that says why there is none if the audit cannot be read.

    Args:
        audit_options: those by which `tabard audit` finds the system; None if it ends with the run.
    """
    audit = SystemAudit(client)
    try:
        is_written = audit.wait_until_written()
        counted = counted_events(audit, instance_id)
    except (BotoCoreError, CallFailed, ClientError, ClientUnusable) as error:
        yield f"no summary of the requests: {printable(str(error))}"
        return
    more = (
        f"; more: tabard audit --instance {instance_id}{audit_options}" if audit_options is not None else ""
    )
    yield f"requests: {counted.in_words()}{more}"
    if not is_written:
        yield "an edge has not yet written all of its events; the counts can be too low"
    if audit_options is None and counted.denials:
        yield from map(_denial_line, counted.denials)
        yield "the audit ended with this run's system; to keep it, start tabard up before tabard run"


def counted_events(audit: Audit, instance_id: str) -> Counted:
    """Count the events of an instance; without the requests of its host that were allowed."""
    outcomes: Counter[Outcome] = Counter()
    denials: list[AuditEvent] = []
    position: EventPosition | None = None
    wanted = EventFilter(instance_id=instance_id)
    while True:
        page = audit.page(limit=PAGE, wanted=wanted, older_than=position)
        events = [event for _, event in page.events if event.service != _HOSTS or event.outcome in DENIED]
        outcomes.update(event.outcome for event in events)
        denials[:0] = [event for event in events if event.outcome in DENIED]
        position = page.next
        if position is None or outcomes.total() >= MOST_EVENTS:
            return Counted(outcomes, denials[-MOST_DENIALS:], is_complete=position is None)


def _denial_line(event: AuditEvent) -> str:
    outcome = event.outcome.replace("_", " ")
    return printable(f"{outcome}: {event.service}:{event.operation}: {event.reason}")
