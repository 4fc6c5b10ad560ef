"""Every refusal in every service's own code, status and sentence."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from tabard.access.refusals import (
    REFUSALS,
    AccessDenied,
    MemberNotOffered,
    NotAuthenticated,
    OperationNotOffered,
    Refusal,
    Service,
)
from tabard.credentials.keyring import new_sealing_key, open_keyring
from tabard.credentials.master_key import MasterKey
from tabard.errors import AwsError
from tabard.model.access_key import AccessKeyStatus
from tabard.sigv4.errors import IncompleteSignature
from tests.support.installation import NOW, SERVICES, Installation, Keys, Sent

EACH_SERVICE = pytest.mark.parametrize("service", SERVICES)

_QUERY = (
    ("MissingAuthenticationToken", 403),
    {
        "unknown key": ("InvalidClientTokenId", 403),
        "bad signature": ("SignatureDoesNotMatch", 403),
        "clock skew": ("SignatureDoesNotMatch", 403),
        "expired session": ("ExpiredToken", 403),
        "bad session token": ("InvalidClientTokenId", 403),
    },
)
_JSON_400 = (
    ("MissingAuthenticationTokenException", 400),
    {
        "unknown key": ("UnrecognizedClientException", 400),
        "bad signature": ("InvalidSignatureException", 400),
        "clock skew": ("InvalidSignatureException", 400),
        "expired session": ("ExpiredTokenException", 400),
        "bad session token": ("UnrecognizedClientException", 400),
    },
)
_EC2 = (
    ("MissingAuthenticationToken", 403),
    {
        "unknown key": ("AuthFailure", 401),
        "bad signature": ("AuthFailure", 401),
        "clock skew": ("RequestExpired", 400),
        "expired session": ("RequestExpired", 400),
        "bad session token": ("AuthFailure", 401),
    },
)
_S3 = (
    ("AccessDenied", 403),
    {
        "unknown key": ("InvalidAccessKeyId", 403),
        "bad signature": ("SignatureDoesNotMatch", 403),
        "clock skew": ("RequestTimeTooSkewed", 403),
        "expired session": ("ExpiredToken", 400),
        "bad session token": ("InvalidToken", 400),
    },
)
# The table of the blueprint, and what a request without a signature meets.
TABLE = {
    "iam": _QUERY,
    "sts": _QUERY,
    "sqs": _QUERY,
    "hosts": _QUERY,
    "tabard": _QUERY,
    "ec2": _EC2,
    "s3": _S3,
    "dynamodb": _JSON_400,
}

CASES: dict[str, tuple[str, Callable[[Installation, Service], Sent]]] = {
    "a key that nobody has": (
        "unknown key",
        lambda here, service: here.signed(service, Keys(access_key_id="AKIAIOSFODNN7EXAMPLE")),
    ),
    "an inactive key": (
        "unknown key",
        lambda here, service: here.signed(
            service, here.add_key(here.alice.user_id, status=AccessKeyStatus.INACTIVE)
        ),
    ),
    "a key whose owner is gone": (
        "unknown key",
        lambda here, service: here.signed(service, here.add_key("AIDAGONE")),
    ),
    "a session without its token": (
        "unknown key",
        lambda here, service: here.signed(service, replace(here.session_of(here.web), token=None)),
    ),
    "another secret": (
        "bad signature",
        lambda here, service: here.signed(service, replace(here.alice_key, secret="x" * 40)),
    ),
    "another secret of a session": (
        "bad signature",
        lambda here, service: here.signed(service, replace(here.session_of(here.web), secret="x" * 40)),
    ),
    "another body": (
        "bad signature",
        lambda here, service: replace(here.signed(service, here.alice_key), payload_hash="0" * 64),
    ),
    "a header that was altered": (
        "bad signature",
        lambda here, service: here.signed(service, here.alice_key).with_header("host", "elsewhere"),
    ),
    "a signed header that was taken away": (
        "bad signature",
        lambda here, service: here.signed(service, here.alice_key).with_header("host", None),
    ),
    "a date long past": (
        "clock skew",
        lambda here, service: here.signed(service, here.alice_key, at=NOW - timedelta(minutes=16)),
    ),
    "a date to come": (
        "clock skew",
        lambda here, service: here.signed(service, here.alice_key, at=NOW + timedelta(minutes=16)),
    ),
    "a session that has expired": (
        "expired session",
        lambda here, service: here.signed(service, here.session_of(here.web, expires_at=NOW)),
    ),
    "the token of another session": (
        "bad session token",
        lambda here, service: here.signed(
            service, replace(here.session_of(here.web), access_key_id="ASIAIOSFODNN7EXAMPLE")
        ),
    ),
    "a long-term key with a session's token": (
        "bad session token",
        lambda here, service: here.signed(
            service, replace(here.alice_key, token=here.session_of(here.web).token)
        ),
    ),
    "no token at all but the header": (
        "bad session token",
        lambda here, service: here.signed(service, replace(here.alice_key, token="x")).with_header(
            "x-amz-security-token", ""
        ),
    ),
    "a token of another installation": (
        "bad session token",
        lambda here, service: here.signed(service, _sealed_elsewhere(here)),
    ),
    "a session of a role that was never there": (
        "bad session token",
        lambda here, service: here.signed(service, here.session_of(here.role("ghost"))),
    ),
    "a session of another account": (
        "bad session token",
        lambda here, service: here.signed(service, here.session_of(here.web, account_id="999999999999")),
    ),
}


def _sealed_elsewhere(here: Installation) -> Keys:
    vault = MasterKey.from_bytes(bytes(32))
    return here.sealed(here.session(here.web), keyring=open_keyring([new_sealing_key(vault, now=NOW)], vault))


def _refusal(here: Installation, sent: Sent) -> NotAuthenticated:
    with pytest.raises(NotAuthenticated) as caught:
        here.caller(sent)
    return caught.value


@EACH_SERVICE
@pytest.mark.parametrize("case", CASES)
def test_each_refusal_has_the_services_own_code_and_status(
    here: Installation, service: Service, case: str
) -> None:
    kind, prepare = CASES[case]
    refusal = _refusal(here, prepare(here, service))
    assert (refusal.error_code, refusal.http_status) == TABLE[service][1][kind]
    assert "{" not in refusal.message
    assert len(here.authenticator.verified_keys) == (case == "a key whose owner is gone")


@EACH_SERVICE
def test_a_request_without_a_signature_is_nobodys(here: Installation, service: Service) -> None:
    sent = here.signed(service, here.alice_key).with_header("authorization", None)
    refusal = _refusal(here, sent)
    assert (refusal.error_code, refusal.http_status) == TABLE[service][0]


@EACH_SERVICE
def test_a_signature_for_another_service_is_refused(here: Installation, service: Service) -> None:
    other = "sts" if service == "iam" else "iam"
    refusal = _refusal(here, here.signed(service, here.alice_key, scope=other))
    assert refusal.refusal is Refusal.WRONG_SCOPE
    assert service in refusal.message


@EACH_SERVICE
def test_a_scope_of_another_day_than_the_request_is_refused(here: Installation, service: Service) -> None:
    sent = here.signed(service, here.alice_key)
    text = sent.request.values["authorization"].replace("/20260131/", "/20260130/")
    refusal = _refusal(here, sent.with_header("authorization", text))
    assert refusal.refusal is Refusal.WRONG_DATE
    if service in ("iam", "dynamodb"):
        assert refusal.message == (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            "'20260130' != '20260131', from '20260131T120000Z'."
        )


@EACH_SERVICE
def test_a_header_of_awss_that_is_not_signed_is_named(here: Installation, service: Service) -> None:
    sent = here.signed(service, here.alice_key).with_header("x-amz-meta-color", "red")
    with pytest.raises(AwsError) as caught:
        here.caller(sent)
    if service == "s3":
        assert (caught.value.error_code, caught.value.http_status) == ("AccessDenied", 403)
        assert caught.value.members == {"HeadersNotSigned": "x-amz-meta-color"}
    else:
        wanted = TABLE[service][1]["bad signature"]
        assert (caught.value.error_code, caught.value.http_status) == wanted
        assert caught.value.message == "'x-amz-meta-color' must be a 'SignedHeader' in the AWS Authorization."


@EACH_SERVICE
def test_a_host_that_is_not_signed_is_refused(here: Installation, service: Service) -> None:
    sent = here.signed(service, here.alice_key)
    text = re.sub(r"host;", "", sent.request.values["authorization"])
    refusal = _refusal(here, sent.with_header("authorization", text))
    assert (refusal.error_code, refusal.http_status) == TABLE[service][1]["bad signature"]
    assert refusal.message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


@pytest.mark.parametrize("altered", ["20260131", "2026-01-31T12:00:00Z", "20260231T120000Z"])
def test_what_is_no_date_is_an_incomplete_signature(here: Installation, altered: str) -> None:
    with pytest.raises(IncompleteSignature):
        here.caller(here.signed("iam", here.alice_key).with_header("x-amz-date", altered))


def test_s3_alone_tells_what_it_signed_and_no_secret_with_it(here: Installation) -> None:
    sent = here.signed("s3", replace(here.alice_key, secret="x" * 40))
    refusal = _refusal(here, sent)
    assert refusal.members["AWSAccessKeyId"] == here.alice_key.access_key_id
    assert str(refusal.members["CanonicalRequest"]).startswith("GET\n/\n")
    assert _refusal(here, here.signed("iam", replace(here.alice_key, secret="x" * 40))).members == {}
    lost = sent.with_header("host", None)
    assert _refusal(here, lost).members == {}


def test_clock_skew_says_what_the_clocks_said(here: Installation) -> None:
    early = _refusal(here, here.signed("iam", here.alice_key, at=NOW - timedelta(minutes=6)))
    assert early.message == (
        "Signature expired: 20260131T115400Z is now earlier than 20260131T115500Z (20260131T120000Z - 5 min.)"
    )
    late = _refusal(here, here.signed("iam", here.alice_key, at=NOW + timedelta(minutes=6)))
    assert late.message.endswith(
        "20260131T120600Z is now later than 20260131T120500Z (20260131T120000Z + 5 min.)"
    )


@EACH_SERVICE
@pytest.mark.parametrize("direction", [-1, 1])
def test_at_the_edge_of_the_window_a_request_is_believed_and_a_second_beyond_it_is_not(
    here: Installation, service: Service, direction: int
) -> None:
    window = timedelta(minutes=15 if service == "s3" else 5) * direction
    edge = here.signed(service, here.alice_key, at=NOW + window)
    assert here.caller(edge).arn.endswith("/alice")
    beyond = here.signed(service, here.alice_key, at=NOW + window + timedelta(seconds=direction))
    assert _refusal(here, beyond).refusal is Refusal.CLOCK_SKEW
    here.now += timedelta(microseconds=-direction)
    assert _refusal(here, edge).refusal is Refusal.CLOCK_SKEW


def test_every_service_has_a_row_for_every_refusal_and_a_code_for_a_denial() -> None:
    assert set(REFUSALS) == set(get_args(Service)) == set(SERVICES)
    for service, rows in REFUSALS.items():
        assert set(rows) == set(Refusal)
        for code, status, sentence in rows.values():
            assert code
            assert sentence
            assert status in (400, 401, 403)
        denied = AccessDenied(service, "no")
        assert (denied.error_code, denied.http_status, denied.message) == {
            "ec2": ("UnauthorizedOperation", 403, "no"),
            "dynamodb": ("AccessDeniedException", 400, "no"),
        }.get(service, ("AccessDenied", 403, "no"))


@EACH_SERVICE
def test_an_operation_that_is_not_offered_has_a_code_that_no_denial_has(service: Service) -> None:
    refused = OperationNotOffered(service, "FlyToTheMoon")
    action = f"{service}:FlyToTheMoon"
    assert refused.message.startswith("The operation FlyToTheMoon is not supported: ")
    assert refused.message.endswith(f"this installation does not offer {action}, whatever the policies say.")
    assert (refused.error_code, refused.http_status) == {
        "s3": ("NotImplemented", 501),
        "dynamodb": ("UnknownOperationException", 400),
        "hosts": ("UnknownOperationException", 400),
        "tabard": ("UnknownOperationException", 400),
        "sqs": ("UnsupportedOperation", 400),
    }.get(service, ("InvalidAction", 400))
    assert refused.not_offered
    assert (refused.error_code, refused.http_status) not in {
        (code, status) for code, status, _ in REFUSALS[service].values()
    }
    assert refused.error_code != AccessDenied(service, "no").error_code
    assert not AccessDenied(service, "no").not_offered


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("s3", "NotImplemented", 501),
        ("dynamodb", "ValidationException", 400),
        ("sqs", "UnsupportedOperation", 400),
    ],
)
def test_a_parameter_that_is_not_offered_is_named_under_a_code_that_no_denial_has(
    service: Service, code: str, status: int
) -> None:
    refused = MemberNotOffered(service, "AnOperation", "AMember")
    assert (refused.error_code, refused.http_status, refused.not_offered) == (code, status, True)
    assert "AMember" in refused.message
