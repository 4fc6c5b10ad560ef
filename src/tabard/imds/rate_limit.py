"""Rate limit for the connections of one instance: a token bucket that fills steadily."""

from tabard.clock import Clock

CONNECTIONS_A_SECOND = 500
BURST = 500
"""Far above the request rate of SDKs, and far below a load that would delay the agent's other instances."""


class RateLimit:
    """Token bucket of one instance. `take` takes a token, or returns the time until the next one."""

    def __init__(self, clock: Clock, *, per_second: int, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._permissions = float(burst)
        self._filled_at_seconds = clock.monotonic_seconds()

    def take(self) -> float:
        """Take a token and return 0. If the bucket is empty, return the seconds until the next token."""
        now_seconds = self._clock.monotonic_seconds()
        gained = (now_seconds - self._filled_at_seconds) * self._per_second
        self._permissions = min(float(self._burst), self._permissions + max(0.0, gained))
        self._filled_at_seconds = now_seconds
        if self._permissions >= 1:
            self._permissions -= 1
            return 0.0
        return (1 - self._permissions) / self._per_second
