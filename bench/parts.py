"""The parts of authorize by themselves."""

import base64
import secrets
from functools import partial

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.authorizing import REQUESTS, ROUNDS
from bench.figures import Row, compare, each
from bench.house import EMPTY_SHA256, Botocore, House, as_arrived, policy_document, sign, unsigned_get
from tabard.credentials.token import open_token
from tabard.policy import (
    AccessRequest,
    CompiledPolicies,
    Decision,
    DocumentKind,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    decide,
    parse_document,
)
from tabard.sigv4.authorization import Scope, parse_authorization
from tabard.sigv4.canonical import SignedRequest
from tabard.sigv4.verify import signature_matches, signing_key

MANY_STATEMENTS = 1000
FEW_STATEMENTS = 10


def part_rows(house: House) -> list[Row]:
    """Verify beside signing; open a token beside bare AES-GCM; decide among many statements beside few."""
    return [*_verify(house), *_open(house), *_decide()]


def _verify(house: House) -> list[Row]:
    session = house.session_of(house.roles[-1])
    botocore = Botocore(session)
    calls = []
    for number in range(REQUESTS):
        raw = as_arrived(sign(unsigned_get(number), session))
        claim = parse_authorization(raw.header("authorization"))
        key = signing_key(session.secret_key, Scope(claim.scope.date, claim.scope.region, "s3"))
        request = SignedRequest(raw.method, raw.raw_path, raw.raw_query, raw.headers)
        if not signature_matches(request, claim, key, EMPTY_SHA256, normalize_path=False):
            raise RuntimeError("botocore's signature does not match")
        calls.append(partial(signature_matches, request, claim, key, EMPTY_SHA256, normalize_path=False))

    def botocore_signs() -> float:
        return each([partial(botocore.sign, unsigned_get(number)) for number in range(REQUESTS)])

    return compare(
        "verify a signature", lambda: each(calls), ("botocore signs it", botocore_signs, 0.1), rounds=ROUNDS
    )


def _open(house: House) -> list[Row]:
    tokens = [house.session_of(house.roles[-1]).token for _ in range(REQUESTS)]
    opening = [partial(open_token, token, house.keyring) for token in tokens]
    cipher = AESGCM(secrets.token_bytes(32))
    nonce = secrets.token_bytes(12)
    sealed = cipher.encrypt(nonce, secrets.token_bytes(len(base64.urlsafe_b64decode(tokens[0] + "=="))), None)
    bare = [partial(cipher.decrypt, nonce, sealed, None)] * REQUESTS
    return compare(
        "open a session token",
        lambda: each(opening),
        ("bare AES-GCM", lambda: each(bare), None),
        rounds=ROUNDS,
    )


def _decide() -> list[Row]:
    sides = [_decisions(statements) for statements in (MANY_STATEMENTS, FEW_STATEMENTS)]
    measures = [partial(each, calls) for calls in sides]
    return compare(
        f"decide, {MANY_STATEMENTS:,} statements",
        measures[0],
        (f"{FEW_STATEMENTS} statements", measures[1], 2.0),
        rounds=ROUNDS,
    )


def _decisions(statements: int) -> list[partial[Decision]]:
    layers = PolicyLayers(identity=_policies(statements))
    principal = PolicyPrincipal(
        kind=PrincipalKind.ASSUMED_ROLE,
        arn="arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0",
        account_id="111122223333",
        role_arn="arn:aws:iam::111122223333:role/web",
    )
    context = RequestContext.of({"aws:ViaAWSService": "false"})
    asked = [
        AccessRequest(
            action="s3:GetObject",
            resource=f"arn:aws:s3:::bench-bucket/folder/object-{number:06d}",
            principal=principal,
            context=context,
        )
        for number in range(REQUESTS)
    ]
    if not all(decide(one, layers).allowed for one in asked):
        raise RuntimeError("the bench's own requests are not allowed")
    return [partial(decide, one, layers) for one in asked]


def _policies(statements: int) -> CompiledPolicies:
    text = policy_document(0, statements=statements)
    return compile_policies([NamedDocument("bench", parse_document(text, kind=DocumentKind.IDENTITY))])
