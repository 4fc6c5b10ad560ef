"""The summary of `tabard run` counts the requests of the instance by their outcome."""

import msgspec

from tabard.administration.audit_pages import PAGE, Explained
from tabard.administration.client import client_of_key
from tabard.cli.run_summary import MOST_DENIALS, MOST_EVENTS, counted_events, summary_lines
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import EVERY_EVENT, EventFilter, EventPage, EventPosition, NumberedEvents
from tests.support.aggregates import audit_event
from tests.support.fake_system import FakeSystem, fake_system

INSTANCE_ID = "i-00000000000000001"


class Trail:
    """An audit in memory, which answers every filter with all its events."""

    def __init__(self, events: list[AuditEvent]) -> None:
        self.numbered = list(enumerate(events, start=1))

    def last_number(self) -> int:
        return len(self.numbered)

    def read(self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT) -> NumberedEvents:
        return self.numbered[after : after + limit]

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        end = len(self.numbered) if older_than is None else older_than.number - 1
        begin = max(0, end - limit)
        events = self.numbered[begin:end]
        older = EventPosition(events[0][1].at, events[0][0]) if begin else None
        return EventPage(events=events, next=older)

    def explain(self, request_id: str) -> Explained | None:
        return None


def test_the_requests_are_counted_by_outcome_over_every_page() -> None:
    events = [audit_event(n) for n in range(PAGE + 5)]
    events += [audit_event(n, outcome="denied") for n in range(3)]
    events += [audit_event(1, outcome="not_offered"), audit_event(2, outcome="failed")]
    counted = counted_events(Trail(events), INSTANCE_ID)
    assert counted.in_words() == f"{PAGE + 5} allowed, 3 denied, 1 not offered, 1 failed"
    assert [event.outcome for event in counted.denials] == ["denied"] * 3 + ["not_offered"]


def test_a_hosts_calls_count_only_where_they_were_denied() -> None:
    hosts = msgspec.structs.replace(audit_event(1), service="hosts")
    refused = msgspec.structs.replace(audit_event(2, outcome="denied"), service="hosts")
    counted = counted_events(Trail([hosts, refused]), INSTANCE_ID)
    assert counted.in_words() == "0 allowed, 1 denied, 0 not offered"


def test_a_long_run_is_counted_up_to_a_bound_and_the_summary_says_so() -> None:
    counted = counted_events(Trail([audit_event(n) for n in range(MOST_EVENTS + 1)]), INSTANCE_ID)
    assert counted.in_words() == (
        f"{MOST_EVENTS} allowed, 0 denied, 0 not offered (of the last {MOST_EVENTS} requests)"
    )


def test_the_last_denials_are_kept() -> None:
    counted = counted_events(Trail([audit_event(n, outcome="denied") for n in range(15)]), INSTANCE_ID)
    kept = [event.request_id for event in counted.denials]
    assert kept == [f"request-{n}" for n in range(15 - MOST_DENIALS, 15)]


def summary_of(system: FakeSystem) -> list[str]:
    client = client_of_key(system.endpoint, "us-east-1", lambda: ("AKIAIOSFODNN7EXAMPLE", "secret"))
    return list(summary_lines(client, INSTANCE_ID, audit_options=""))


def test_the_summary_waits_for_the_events_of_every_edge() -> None:
    with fake_system() as system:
        system.answers = {
            "FlushEvents": '{"FlushNumber": 7}',
            "WaitForEvents": '{"IsComplete": true}',
            "LookupEvents": '{"Events": []}',
        }
        lines = summary_of(system)
    assert system.operations == ["FlushEvents", "WaitForEvents", "LookupEvents"]
    assert lines == [
        f"requests: 0 allowed, 0 denied, 0 not offered; more: tabard audit --instance {INSTANCE_ID}"
    ]


def test_the_summary_mentions_an_edge_that_has_not_written_its_events() -> None:
    with fake_system() as system:
        system.answers = {
            "FlushEvents": '{"FlushNumber": 7}',
            "WaitForEvents": '{"IsComplete": false}',
            "LookupEvents": '{"Events": []}',
        }
        lines = summary_of(system)
    assert lines[1:] == ["an edge has not yet written all of its events; the counts can be too low"]


def test_a_caller_without_permission_for_the_audit_reads_so_in_one_line() -> None:
    with fake_system() as system:
        system.answers = {"FlushEvents": '{"FlushNumber": 7}', "WaitForEvents": '{"IsComplete": true}'}
        system.refusals["LookupEvents"] = ("AccessDenied", "not authorized to perform: tabard:LookupEvents")
        lines = summary_of(system)
    refused = "LookupEvents: AccessDenied: not authorized to perform: tabard:LookupEvents"
    assert lines == [f"no summary of the requests: {refused}"]


def test_a_system_that_is_gone_leaves_one_line() -> None:
    with fake_system() as system:
        pass
    (line,) = summary_of(system)
    assert line.startswith("no summary of the requests: ")
