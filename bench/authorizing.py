"""Authorize beside botocore signing the same request."""

from collections.abc import Callable, Iterator
from functools import partial

from botocore.awsrequest import AWSRequest

from bench.figures import Row, compare, each
from bench.house import EMPTY_SHA256, Botocore, House, as_arrived, sign, unsigned_get
from tabard.access.authenticate import Authenticator
from tabard.access.authorize import Permit, RequestFacts, authorize
from tabard.access.check import Check
from tabard.model.role import Role
from tabard.sigv4.authorization import parse_authorization
from tabard.wire.request import RawRequest

REQUESTS = 64
"""In one batch: few enough to be in the processor's caches, as a request that has just arrived is."""

ROUNDS = 51


def authorize_rows(house: House) -> list[Row]:
    """Warm: the caller is known, every signature is new. Cold: every caller is seen for the first time."""
    role = house.roles[-1]
    session = house.session_of(role)
    botocore = Botocore(session)
    numbers = iter(range(10**6))

    def botocore_signs() -> float:
        fresh = [unsigned_get(next(numbers)) for _ in range(REQUESTS)]
        return each([partial(botocore.sign, request) for request in fresh])

    known = house.authenticator()
    arrived = [as_arrived(sign(unsigned_get(next(numbers)), session)) for _ in range(REQUESTS)]
    warm = [partial(decide_one, house, known, raw, check_of(raw)) for raw in arrived]

    def cold() -> float:
        """Sessions that nobody has seen, each with one request; claim, key and token are all new."""
        authenticator = house.authenticator()
        strangers = (house.session_of(role) for _ in range(REQUESTS))
        raws = [as_arrived(sign(unsigned_get(next(numbers)), stranger)) for stranger in strangers]
        return each([partial(decide_one, house, authenticator, raw, check_of(raw)) for raw in raws])

    signing = ("botocore signs it", botocore_signs)
    return [
        *compare(
            "authorize, known caller", lambda: each(warm), (*signing, 0.25), rounds=ROUNDS, is_gate=True
        ),
        *compare("authorize, new session", cold, (*signing, None), rounds=ROUNDS),
    ]


def same_cost_row(few: House, many: House) -> list[Row]:
    """Authorize for the last role of a large installation and of a small one."""
    sides = [partial(each, list(_known_calls(house, house.roles[-1]))) for house in (many, few)]
    return compare(
        f"authorize, role {len(many.roles):,}",
        sides[0],
        (f"role {len(few.roles):,}", sides[1], 1.2),
        rounds=ROUNDS,
    )


def _known_calls(house: House, role: Role) -> Iterator[Callable[[], Permit]]:
    session, authenticator = house.session_of(role), house.authenticator()
    for number in range(REQUESTS):
        raw = as_arrived(sign(unsigned_get(number), session))
        yield partial(decide_one, house, authenticator, raw, check_of(raw))


def check_of(raw: RawRequest) -> Check:
    """What S3's table says a GetObject needs."""
    return Check(action="s3:GetObject", resource=f"arn:aws:s3::{raw.raw_path.replace('/', ':', 1)}")


def decide_one(house: House, authenticator: Authenticator, raw: RawRequest, check: Check) -> Permit:
    """Verify the signature, open the token, decide."""
    claim = parse_authorization(raw.header("authorization"))
    examined = authenticator.examine(
        raw,
        claim,
        service="s3",
        snapshot=house.snapshot,
        keyring=house.keyring,
        now=raw.received_at,
    )
    caller = authenticator.authenticate(examined, EMPTY_SHA256)
    facts = RequestFacts(
        service="s3",
        region=examined.region,
        source_ip=raw.peer_ip,
        secure=raw.secure,
        user_agent=raw.header("user-agent") or "",
        referer="",
        request_id=raw.request_id,
        now=raw.received_at,
    )
    return authorize(caller, (check,), facts, house.snapshot)


def signed_gets(house: House, count: int) -> list[AWSRequest]:
    """GetObjects of one session, valid for minutes."""
    session = house.session_of(house.roles[-1])
    return [sign(unsigned_get(number), session) for number in range(count)]
