"""How fast connections of one instance are taken: a bucket of permissions that fills steadily."""

from tabard.clock import Clock

CONNECTIONS_A_SECOND = 500
BURST = 500
"""Far above what SDKs ask, and far below what would hold up other instances of the same agent."""


class RateLimit:
    """`take` gives a permission or says how long until the next; each instance has a bucket of its own."""

    def __init__(self, clock: Clock, *, per_second: int, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._permissions = float(burst)
        self._filled_at_seconds = clock.monotonic_seconds()

    def take(self) -> float:
        """0 where one was taken; else the seconds until there is one."""
        now_seconds = self._clock.monotonic_seconds()
        gained = (now_seconds - self._filled_at_seconds) * self._per_second
        self._permissions = min(float(self._burst), self._permissions + max(0.0, gained))
        self._filled_at_seconds = now_seconds
        if self._permissions >= 1:
            self._permissions -= 1
            return 0.0
        return (1 - self._permissions) / self._per_second
