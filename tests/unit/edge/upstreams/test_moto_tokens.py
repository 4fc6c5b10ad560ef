"""A client request token performs one transaction, for ten minutes."""

import json
from datetime import UTC, datetime, timedelta

from tabard.clock import ManualClock
from tabard.edge.upstreams.moto_tokens import MOST_TOKENS, VALID_SECONDS, Answer, TransactionTokens

HERE = "dynamodb.us-east-1.amazonaws.com"
ELSEWHERE = "dynamodb.eu-west-1.amazonaws.com"


class Tokens:
    """Tokens at a time of the test's, and an engine that counts what it performs."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
        self.performed = 0
        self.status = "200 OK"
        self.tokens = TransactionTokens(self.clock)

    def ask(self, token: object = "one", *, host: str = HERE, items: object = 1) -> str:
        document = {"TransactItems": items} | ({"ClientRequestToken": token} if token is not None else {})
        return self.tokens.once(host, json.dumps(document).encode(), self._perform)[0]

    def _perform(self) -> Answer:
        self.performed += 1
        return self.status, [], b"{}"


def test_a_repeated_request_is_answered_and_not_repeated() -> None:
    tokens = Tokens()
    assert [tokens.ask(), tokens.ask()] == ["200 OK", "200 OK"]
    assert tokens.performed == 1
    assert (tokens.ask(host=ELSEWHERE), tokens.performed) == ("200 OK", 2)


def test_a_token_of_another_request_is_refused() -> None:
    tokens = Tokens()
    tokens.ask()
    assert (tokens.ask(items=2), tokens.performed) == ("400 Bad Request", 1)


def test_a_token_lasts_for_ten_minutes() -> None:
    tokens = Tokens()
    tokens.ask()
    tokens.clock.advance(timedelta(seconds=VALID_SECONDS - 1))
    tokens.ask()
    assert tokens.performed == 1
    tokens.clock.sleep(timedelta(seconds=1))
    tokens.ask(items=2)
    assert tokens.performed == 2


def test_a_transaction_that_failed_may_be_tried_again() -> None:
    tokens = Tokens()
    tokens.status = "400 Bad Request"
    tokens.ask()
    tokens.status = "200 OK"
    assert (tokens.ask(), tokens.performed) == ("200 OK", 2)


def test_without_a_token_every_request_is_performed() -> None:
    tokens = Tokens()
    for _ in range(2):
        tokens.ask(None)
    assert tokens.performed == 2


def test_emptying_the_engine_forgets_the_tokens() -> None:
    tokens = Tokens()
    tokens.ask()
    tokens.tokens.forget()
    tokens.ask()
    assert tokens.performed == 2


def test_the_oldest_token_makes_room() -> None:
    tokens = Tokens()
    for number in range(MOST_TOKENS + 1):
        tokens.ask(str(number))
    tokens.ask("0")
    assert tokens.performed == MOST_TOKENS + 2
    tokens.ask(str(MOST_TOKENS))
    assert tokens.performed == MOST_TOKENS + 2
