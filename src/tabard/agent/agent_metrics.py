"""The counts of one agent: sessions of its instances, and requests to their metadata services."""

from typing import Literal

from tabard.imds.metadata_requests import MetadataRequests
from tabard.metrics.counters import Counter
from tabard.metrics.families import INSTANCE_SESSIONS
from tabard.metrics.page import MetricsPage

SessionOutcome = Literal["minted", "renewed", "refused", "failed"]


class AgentMetrics:
    """Counts in the agent's page; in memory that nobody reads where no page is given."""

    __slots__ = ("_sessions", "metadata_requests")

    def __init__(self, page: MetricsPage | None = None) -> None:
        page = page or MetricsPage.private()
        self._sessions = Counter(page, INSTANCE_SESSIONS)
        self.metadata_requests = MetadataRequests(page)

    def count_session(self, outcome: SessionOutcome) -> None:
        """Count one answer to a request for a session."""
        self._sessions.add((outcome,))
