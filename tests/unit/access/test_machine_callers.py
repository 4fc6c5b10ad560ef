"""Machines that sign nothing are believed by certificate or join token, and by nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tabard.access.authorize import RequestFacts, authorize, authorize_each
from tabard.access.caller import CallerKind
from tabard.access.check import Check
from tabard.access.machine_callers import (
    HostRemoved,
    authenticate_host,
    authenticate_join_token,
    hash_of_secret,
)
from tabard.access.refusals import AccessDenied, NotAuthenticated, Refusal
from tabard.model.client_certificate import ClientCertificate
from tabard.store.snapshot import Snapshot
from tests.support.aggregates import ACCOUNT_ID, HOUR, NOW, host, join_token
from tests.support.memory_store import MemoryStore

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ENROLLED = replace(host(), key_fingerprint="a" * 64, next_key_fingerprint="b" * 64)
CERTIFICATE = ClientCertificate(host_id=ENROLLED.host_id, key_fingerprint="a" * 64, not_after=NOW + HOUR)


@pytest.fixture
def snapshot() -> Snapshot:
    store = MemoryStore(account_id=ACCOUNT_ID)
    with store.transaction() as tx:
        tx.hosts.insert(ENROLLED)
        tx.hosts.insert(host("h-11111111111111111"))
        tx.join_tokens.insert(replace(join_token(), secret_hash=hash_of_secret(SECRET)))
    return store.snapshot()


def test_a_host_is_known_by_its_present_key_and_by_the_next(snapshot: Snapshot) -> None:
    for fingerprint in ("a" * 64, "b" * 64):
        caller, region = authenticate_host(
            replace(CERTIFICATE, key_fingerprint=fingerprint), snapshot=snapshot, now=NOW
        )
        assert (caller.kind, caller.owner_id, caller.arn) == (CallerKind.HOST, ENROLLED.host_id, ENROLLED.arn)
        assert (caller.access_key_id, region) == (fingerprint, ENROLLED.region)


@pytest.mark.parametrize(
    ("certificate", "refusal"),
    [
        (None, Refusal.NO_AUTHENTICATION),
        (replace(CERTIFICATE, not_after=NOW), Refusal.EXPIRED_SESSION),
        (replace(CERTIFICATE, key_fingerprint="c" * 64), Refusal.UNKNOWN_KEY),
        (replace(CERTIFICATE, host_id="h-11111111111111111"), Refusal.UNKNOWN_KEY),
        (replace(CERTIFICATE, host_id="h-11111111111111111", key_fingerprint=""), Refusal.UNKNOWN_KEY),
    ],
)
def test_another_certificate_is_nobodys(
    snapshot: Snapshot, certificate: ClientCertificate | None, refusal: Refusal
) -> None:
    """That of a former key, of a host that never had one."""
    with pytest.raises(NotAuthenticated) as refused:
        authenticate_host(certificate, snapshot=snapshot, now=NOW)
    assert refused.value.refusal is refusal


def test_the_certificate_of_a_removed_host_is_told_so(snapshot: Snapshot) -> None:
    with pytest.raises(HostRemoved, match="h-22222222222222222"):
        authenticate_host(replace(CERTIFICATE, host_id="h-22222222222222222"), snapshot=snapshot, now=NOW)


def test_who_knows_the_secret_bears_the_token(snapshot: Snapshot) -> None:
    token = join_token()
    caller, region = authenticate_join_token(token.token_id, SECRET, snapshot=snapshot, now=NOW)
    assert (caller.kind, caller.owner_id, caller.arn) == (CallerKind.JOIN_TOKEN, token.token_id, token.arn)
    assert region == token.region


@pytest.mark.parametrize(
    ("token_id", "secret", "after"),
    [
        (join_token().token_id, SECRET + "x", timedelta()),
        (join_token().token_id, "", timedelta()),
        ("jt-00000000000000009", SECRET, timedelta()),
        ("jt-00000000000000009", "", timedelta()),
        (join_token().token_id, SECRET, HOUR),
    ],
)
def test_a_wrong_secret_an_unknown_token_and_an_expired_one_are_refused_alike(
    snapshot: Snapshot, token_id: str, secret: str, after: timedelta
) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        authenticate_join_token(token_id, secret, snapshot=snapshot, now=NOW + after)
    assert refused.value.refusal is Refusal.UNKNOWN_KEY


def test_a_host_and_a_join_token_call_hosts_alone_whatever_a_policy_would_say(snapshot: Snapshot) -> None:
    facts = RequestFacts(
        service="s3",
        region="us-east-1",
        source_ip="127.0.0.1",
        secure=True,
        user_agent="",
        referer="",
        request_id="11111111-2222-4333-8444-555555555555",
        now=NOW,
    )
    checks = [Check(action="s3:ListAllMyBuckets", resource="*")]
    machines = (
        authenticate_host(CERTIFICATE, snapshot=snapshot, now=NOW),
        authenticate_join_token(join_token().token_id, SECRET, snapshot=snapshot, now=NOW),
    )
    for caller, _ in machines:
        for ask in (authorize, authorize_each):
            with pytest.raises(AccessDenied, match="a host calls hosts alone"):
                ask(caller, checks, facts, snapshot)
