"""The count of requests to metadata services, by what they asked for and by the answer's status."""

from tabard.imds import container
from tabard.imds.request import MetadataRequest
from tabard.metrics.counters import Counter
from tabard.metrics.families import METADATA_REQUESTS, OTHER
from tabard.metrics.page import MetricsPage

TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path


class MetadataRequests:
    """One count for all instances of an agent."""

    __slots__ = ("_counter",)

    def __init__(self, page: MetricsPage) -> None:
        self._counter = Counter(page, METADATA_REQUESTS)

    def count(self, request: MetadataRequest | None, status: int) -> None:
        """Args: request: None for bytes that are no valid request."""
        self._counter.add((OTHER if request is None else kind_of(request.path), str(status)))


def kind_of(path: str) -> str:
    """Return the kind of a metadata path: `token`, `credentials`, `identity` or `other`."""
    if path == TOKEN_PATH:
        return "token"
    if path == container.PATH or "/security-credentials" in path:
        return "credentials"
    return "identity" if "/instance-identity" in path else OTHER
