"""The counts of one edge: requests, decisions, latencies and minted sessions."""

from tabard.access.authorize import Denied
from tabard.access.mint import InstanceRoleNotTrusted
from tabard.edge.record import outcome_of
from tabard.edge.stages import Authorized, Stage, claimed_of, parsed_of
from tabard.errors import AwsError
from tabard.metrics.counters import Counter, Histogram
from tabard.metrics.families import (
    DECISIONS,
    OTHER,
    OUTCOMES,
    REQUEST_SECONDS,
    REQUESTS,
    SESSIONS_MINTED,
    UPSTREAM_FAILURES,
    UPSTREAM_SECONDS,
)
from tabard.metrics.page import MetricsPage
from tabard.policy import Decision
from tabard.services.operation import Minting, Watch


class RequestMetrics:
    """Counts in the edge's page, or in private memory if no page is given."""

    __slots__ = ("_decisions", "_minted", "_outcomes", "_requests", "_seconds", "_upstream_failures",
                 "_upstream_seconds")  # fmt: skip

    def __init__(self, page: MetricsPage | None = None) -> None:
        page = page or MetricsPage.private()
        self._requests = Counter(page, REQUESTS)
        self._seconds = Histogram(page, REQUEST_SECONDS)
        self._outcomes = Counter(page, OUTCOMES)
        self._decisions = Counter(page, DECISIONS)
        self._minted = Counter(page, SESSIONS_MINTED)
        self._upstream_seconds = Histogram(page, UPSTREAM_SECONDS)
        self._upstream_failures = Counter(page, UPSTREAM_FAILURES)

    def count_answer(self, stage: Stage, *, status: int, error: AwsError | None, seconds: float) -> None:
        """Count one answered request, its decisions, and the session that it minted.

        Args: stage: the last stage that the request reached.
        """
        claimed, parsed = claimed_of(stage), parsed_of(stage)
        service = OTHER if claimed is None else claimed.identified.service
        operation = OTHER if parsed is None else parsed.call.operation
        self._requests.add((service, operation, str(status)))
        self._outcomes.add((service, outcome_of(stage, error)))
        if parsed is None or not isinstance(parsed.operation, Watch):
            self._seconds.observe((service,), seconds)
        if isinstance(stage, Authorized):
            for allowed in (*stage.permit.decided, *stage.minted_by):
                self._count_decision(allowed.decision)
            for refused in stage.refused:
                self._count_decision(refused.denial.decision)
        if isinstance(error, Denied | InstanceRoleNotTrusted):
            self._count_decision(error.denial.decision)
        if error is None and parsed is not None and isinstance(parsed.operation, Minting):
            self._minted.add((operation,))

    def _count_decision(self, decision: Decision) -> None:
        self._decisions.add((decision.effect, decision.layer))

    def count_forwarded(self, service: str, *, seconds: float, failed: bool) -> None:
        """Count one request to the store behind a service."""
        self._upstream_seconds.observe((service,), seconds)
        if failed:
            self._upstream_failures.add((service,))
