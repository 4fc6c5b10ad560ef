"""Idempotency of TransactWriteItems, which moto lacks: one token performs one transaction.

AWS: "The client request token is valid for 10 minutes after the first request that uses it is completed. […]
If you submit a request with the same client token but a change in other parameters within the 10-minute
idempotency window, DynamoDB returns an IdempotentParameterMismatch exception."
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from tabard.clock import Clock, Deadline, read_clocks

VALID_SECONDS = 600.0
MOST_TOKENS = 100_000
OPERATION = "DynamoDB_20120810.TransactWriteItems"

Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status line, headers and body."""

_MISMATCH = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
        "Message": "Arguments on this idempotent request are inconsistent with arguments used in previous "
        "request(s).",
    }
).encode()


@dataclass(frozen=True, slots=True)
class _Done:
    """A transaction that succeeded: the digest of its request, its answer, and when the token ends."""

    digest: bytes
    answer: Answer
    ends: Deadline


class TransactionTokens:
    """The tokens of the last ten minutes. The caller holds the engine's lock around every call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done: dict[tuple[str, str], _Done] = {}

    def once(self, host: str, body: bytes, perform: Callable[[], Answer]) -> Answer:
        """Perform a transaction, or return the answer to its first request.

        Args:
            host: names the region; a token is valid in one region.
            body: the JSON request.
        """
        document = json.loads(body)
        token = document.pop("ClientRequestToken", None) if isinstance(document, dict) else None
        if not isinstance(token, str):
            return perform()
        self._drop_ended()
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
        done = self._done.get((host, token))
        if done is None:
            answer = perform()
            if answer[0].startswith("200"):
                ends = Deadline.after(read_clocks(self._clock), VALID_SECONDS)
                self._done[host, token] = _Done(digest, answer, ends)
            return answer
        if done.digest != digest:
            return "400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")], _MISMATCH
        return done.answer

    def forget(self) -> None:
        """Forget every token, with the tables."""
        self._done.clear()

    def _drop_ended(self) -> None:
        """Drop expired tokens. They expire in the order of their first use."""
        now = read_clocks(self._clock)
        while self._done:
            oldest = next(iter(self._done))
            if not self._done[oldest].ends.has_come(now) and len(self._done) < MOST_TOKENS:
                return
            del self._done[oldest]
