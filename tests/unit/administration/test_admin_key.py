"""A rotation of the admin's key that is cut short anywhere loses no access, and the next one finishes it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tabard.administration.admin_key import NotRotated, rotate_key
from tabard.administration.long_term_key import LongTermKey

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
FIRST = LongTermKey(access_key_id="AKIA-FIRST", secret_access_key="first-secret")


class Crash(BaseException):
    """The process ends here."""


@dataclass
class World:
    """IAM and the file; it counts what is done to them, and ends the process before or after one step."""

    keys: dict[str, tuple[str, datetime]]
    kept: LongTermKey
    now: datetime = NOW
    crash_at: int = 0
    after: bool = False
    steps: list[str] = field(default_factory=list)
    made: int = 0
    refuse_create: Exception | None = None

    def step(self, name: str, change: Any) -> Any:  # noqa: ANN401 - whatever the change returns
        self.steps.append(name)
        is_here = len(self.steps) == self.crash_at
        if is_here and not self.after:
            raise Crash
        result = change()
        if is_here:
            raise Crash
        return result

    def read(self) -> LongTermKey:
        return self.kept

    def write(self, key: LongTermKey) -> None:
        def change() -> None:
            self.kept = key

        self.step("write", change)

    def client_of(self, key: LongTermKey, service: str) -> "Client":
        assert service in ("iam", "sts")
        return Client(self, key)

    @property
    def is_open(self) -> bool:
        """Whether the key in the file is one that IAM knows, with its secret."""
        return self.keys.get(self.kept.access_key_id, ("",))[0] == self.kept.secret_access_key


@dataclass
class Client:
    """IAM and STS, asked with one key."""

    world: World
    key: LongTermKey

    def _require_key(self) -> None:
        if self.world.keys.get(self.key.access_key_id, ("",))[0] != self.key.secret_access_key:
            raise refusal("InvalidClientTokenId")

    def get_caller_identity(self) -> None:
        self._require_key()
        self.world.step("ask", lambda: None)

    def list_access_keys(self) -> dict[str, object]:
        self._require_key()
        listed = [{"AccessKeyId": name, "CreateDate": made} for name, (_, made) in self.world.keys.items()]
        return {"AccessKeyMetadata": listed}

    def create_access_key(self) -> dict[str, dict[str, str]]:
        self._require_key()
        if self.world.refuse_create is not None:
            raise self.world.refuse_create
        if len(self.world.keys) >= 2:
            raise refusal("LimitExceeded")
        self.world.made += 1
        name, secret = f"AKIA-{self.world.made}", f"secret-{self.world.made}"

        def change() -> dict[str, dict[str, str]]:
            self.world.keys[name] = (secret, self.world.now)
            return {"AccessKey": {"AccessKeyId": name, "SecretAccessKey": secret}}

        made: dict[str, dict[str, str]] = self.world.step("create", change)
        return made

    def delete_access_key(self, *, AccessKeyId: str) -> None:  # noqa: N803 - botocore's name
        self._require_key()
        if AccessKeyId not in self.world.keys:
            raise refusal("NoSuchEntity")
        self.world.step("delete", lambda: self.world.keys.pop(AccessKeyId))


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Operation")


def world(**given: Any) -> World:  # noqa: ANN401 - fields of World
    kept = given.pop("kept", FIRST)
    return World(keys={"AKIA-FIRST": ("first-secret", NOW - timedelta(days=1))}, kept=kept, **given)


def test_the_new_key_replaces_the_former_one() -> None:
    made = world()
    key = rotate_key(made, made.client_of, now=NOW)
    assert key == made.kept
    assert (key.access_key_id, key.issued_by_iam, key.former_key_id, key.known_before) == (
        "AKIA-1",
        True,
        "",
        (),
    )
    assert list(made.keys) == ["AKIA-1"]
    assert made.steps == ["write", "create", "write", "ask", "delete", "write"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("crash_at", range(1, 7))
def test_a_rotation_that_is_cut_short_anywhere_is_finished_by_the_next(crash_at: int, after: bool) -> None:
    made = world(crash_at=crash_at, after=after)
    with pytest.raises(Crash):
        rotate_key(made, made.client_of, now=NOW)
    assert made.is_open
    assert len(made.keys) <= 2
    made.crash_at = 0
    made.now = NOW + timedelta(hours=1)
    rotate_key(made, made.client_of, now=made.now)
    assert made.is_open
    assert list(made.keys) == [made.kept.access_key_id]
    assert made.kept.access_key_id != "AKIA-FIRST"
    assert (made.kept.former_key_id, made.kept.known_before, made.kept.noted_at) == ("", (), None)


@pytest.mark.parametrize("first", range(1, 7))
@pytest.mark.parametrize("second", range(1, 8))
def test_two_crashes_in_a_row_lose_nothing_either(first: int, second: int) -> None:
    made = world(crash_at=first, after=True)
    with pytest.raises(Crash):
        rotate_key(made, made.client_of, now=NOW)
    made.steps, made.crash_at = [], second
    try:
        rotate_key(made, made.client_of, now=NOW)
    except Crash:
        made.steps, made.crash_at = [], 0
        rotate_key(made, made.client_of, now=NOW)
    assert made.is_open
    assert list(made.keys) == [made.kept.access_key_id]


def test_a_second_key_of_the_operators_is_never_deleted() -> None:
    made = world()
    made.keys["AKIA-OPERATORS"] = ("theirs", NOW)
    with pytest.raises(
        NotRotated, match="a second key, AKIA-OPERATORS, and IAM allows only two; first delete it"
    ):
        rotate_key(made, made.client_of, now=NOW)
    assert set(made.keys) == {"AKIA-FIRST", "AKIA-OPERATORS"}
    assert made.kept == FIRST


def test_a_key_that_the_operator_made_after_a_crash_is_not_taken_for_the_orphan() -> None:
    made = world(crash_at=1, after=True)  # noted, and none was made
    with pytest.raises(Crash):
        rotate_key(made, made.client_of, now=NOW)
    made.crash_at = 0
    made.keys["AKIA-OPERATORS"] = ("theirs", NOW + timedelta(minutes=10))
    with pytest.raises(NotRotated, match="AKIA-OPERATORS"):
        rotate_key(made, made.client_of, now=NOW + timedelta(minutes=11))
    assert set(made.keys) == {"AKIA-FIRST", "AKIA-OPERATORS"}


def test_a_refused_rotation_leaves_the_file_as_it_was() -> None:
    made = world(refuse_create=refusal("AccessDenied"))
    with pytest.raises(ClientError, match="AccessDenied"):
        rotate_key(made, made.client_of, now=NOW)
    assert made.kept == FIRST


def test_where_no_answer_came_a_key_may_have_been_made_and_the_note_stays() -> None:
    made = world(refuse_create=EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))
    with pytest.raises(EndpointConnectionError):
        rotate_key(made, made.client_of, now=NOW)
    assert (made.kept.known_before, made.kept.noted_at) == (("AKIA-FIRST",), NOW)
    made.refuse_create = None
    made.keys["AKIA-ORPHAN"] = ("nobody-has-it", NOW + timedelta(seconds=1))
    rotate_key(made, made.client_of, now=NOW)
    assert list(made.keys) == [made.kept.access_key_id]


def test_a_key_shows_no_secret() -> None:
    assert "first-secret" not in repr(FIRST)
