"""CreateRole through the store, in a small installation and in a large one.

What an edge does for it: the transaction (SQLite, durable), and the next snapshot.
"""

from collections.abc import Iterator
from functools import partial
from itertools import count

from bench.figures import Row, compare, each
from bench.house import ACCOUNT_ID, REGION, TRUST, House
from tabard.access.authorize import Permit, RequestFacts, authorize
from tabard.access.caller import caller_of_key
from tabard.access.check import Check
from tabard.clock import SystemClock
from tabard.names import iam_arn
from tabard.services.iam.roles.roles import CreateRoleRequest, create_role
from tabard.store.snapshot import Snapshot

ROLES_IN_A_ROUND = 10
ROUNDS = 15


def create_role_row(few: House, many: House) -> list[Row]:
    """The same change, beside ten roles and beside ten thousand."""
    large, small = _Changing(many), _Changing(few)
    return compare(
        f"create_role, {len(many.roles):,} roles",
        large.create_some,
        (f"{len(few.roles):,} roles", small.create_some, 1.5),
        rounds=ROUNDS,
    )


class _Changing:
    """A house with its newest snapshot, and the admin's permits."""

    def __init__(self, house: House) -> None:
        self._store = house.store
        self._snapshot = house.snapshot
        self._numbers: Iterator[int] = count()

    def create_some(self) -> float:
        """CPU seconds for each role."""
        names = [f"new-{next(self._numbers)}" for _ in range(ROLES_IN_A_ROUND)]
        permits = [_permit(self._snapshot, name) for name in names]
        return each([partial(self._create, *those) for those in zip(names, permits, strict=True)])

    def _create(self, name: str, permit: Permit) -> None:
        request = CreateRoleRequest(role_name=name, assume_role_policy_document=TRUST)
        with self._store.transaction() as tx:
            create_role(permit, request, tx)
        self._snapshot = self._store.next_snapshot(self._snapshot)


def _permit(snapshot: Snapshot, name: str) -> Permit:
    """What the admin is allowed, by the admin's own policies."""
    admin = snapshot.user_named("admin")
    caller = None if admin is None else caller_of_key(snapshot.access_keys_of(admin.user_id)[0], snapshot)
    if caller is None:
        raise RuntimeError("the house has no admin")
    arn = iam_arn(partition=snapshot.partition, account_id=ACCOUNT_ID, kind="role", path="/", name=name)
    facts = RequestFacts(
        service="iam",
        region=REGION,
        source_ip="127.0.0.1",
        secure=False,
        user_agent="",
        referer="",
        request_id="4442587f-b7d0-a2f9-80ab-000000000000",
        now=SystemClock().now(),
    )
    return authorize(caller, (Check(action="iam:CreateRole", resource=arn),), facts, snapshot)
