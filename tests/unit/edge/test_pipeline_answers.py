"""The way of a request through the rooms: where it may end, and what the caller and the audit are told."""

import html
import json
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from tabard.edge.pipeline import DECISIONS_AT_MOST
from tabard.http1.answer import Answer
from tabard.model.audit_event import Outcome
from tabard.model.revocation import Revocation
from tabard.names import new_unique_id
from tabard.policy import Effect
from tabard.sigv4.sign import Credentials
from tabard.store.ports import AlreadyStored, StoreUnavailable
from tabard.wire.request import RawRequest
from tests.support.edge_in_memory import ACCOUNT_ID, FORM, EdgeInMemory, allow, deny, text_of

Change = Callable[[RawRequest], RawRequest]

CREATE = b"Action=CreateInstanceProfile&InstanceProfileName=web&Version=2010-05-08"
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


async def outcome_of(edge: EdgeInMemory) -> tuple[Outcome, str, str]:
    event = (await edge.events())[-1]
    return event.outcome, event.error_code, event.operation


async def test_what_only_reads_is_answered(edge: EdgeInMemory) -> None:
    answer = await edge.ask("sts", body=IDENTITY)
    assert answer.status == 200
    assert f"arn:aws:iam::{ACCOUNT_ID}:user/admin" in text_of(answer)
    assert await outcome_of(edge) == ("allowed", "", "GetCallerIdentity")


async def test_a_read_sees_only_the_version_that_decided_it(edge: EdgeInMemory) -> None:
    """Else a role that was made in between, under the same name, would be read without permission."""
    other_role(edge, "/public/")
    edge.allow(allow("iam:GetRole", on=f"arn:aws:iam::{ACCOUNT_ID}:role/public/*"))
    session = await edge.session()
    looks = iter([lambda: None])  # the edge looks twice: before and after the body has arrived
    edge.source.after_newest = lambda: next(looks, lambda: other_role(edge, "/secret/"))()
    body = b"Action=GetRole&RoleName=other&Version=2010-05-08"
    answer = await edge.ask("iam", body=body, credentials=session)
    assert (answer.status, "<Path>/public/</Path>" in text_of(answer)) == (200, True)
    assert (await edge.ask("iam", body=body, credentials=session)).status == 403


async def test_a_change_commits_with_its_audit_event(edge: EdgeInMemory) -> None:
    assert (await edge.ask("iam", body=CREATE)).status == 200
    assert edge.written == []
    assert [event.operation for event in await edge.events()] == ["CreateInstanceProfile"]
    with edge.store.transaction() as tx:
        assert tx.instance_profiles.named("web") is not None
    again = await edge.ask("iam", body=CREATE)
    assert (again.status, "EntityAlreadyExists" in text_of(again)) == (409, True)
    assert await outcome_of(edge) == ("failed", "EntityAlreadyExists", "CreateInstanceProfile")


TAG = b"Action=TagRole&RoleName=other&Tags.member.1.Key=team&Tags.member.1.Value=red&Version=2010-05-08"


def other_role(edge: EdgeInMemory, path: str) -> None:
    """There is a role `other` at that path, in place of any other of the name."""
    with edge.store.transaction() as tx:
        former = tx.roles.named("other")
        if former is not None:
            tx.roles.delete(former.role_id)
        tx.roles.insert(replace(edge.role, name="other", path=path, role_id=new_unique_id("AROA")))


def move_behind_its_back(edge: EdgeInMemory, refreshes_in_vain: int = 0) -> None:
    """Another edge puts the role elsewhere, and this one has not heard."""
    other_role(edge, "/")
    edge.source.fall_behind(refreshes_in_vain)
    other_role(edge, "/team/")


async def test_what_another_edge_has_just_changed_is_decided_about_once_more(edge: EdgeInMemory) -> None:
    move_behind_its_back(edge)
    assert (await edge.ask("iam", body=TAG)).status == 200
    (event,) = await edge.events()
    assert (event.outcome, event.resources) == ("allowed", (f"arn:aws:iam::{ACCOUNT_ID}:role/team/other",))


@pytest.mark.parametrize("revoked", [False, True])
async def test_deciding_once_more_forgives_nothing(edge: EdgeInMemory, revoked: bool) -> None:
    edge.allow(allow("iam:TagRole", on=f"arn:aws:iam::{ACCOUNT_ID}:role/other"))
    session = await edge.session()
    move_behind_its_back(edge)
    if revoked:
        with edge.store.transaction() as tx:
            now = edge.clock.now()
            tx.revocations.record(
                Revocation(subject="role", subject_id=edge.role.role_id, not_before=now, forget_after=now)
            )
    refused = await edge.ask("iam", body=TAG, credentials=session)
    assert refused.status == 403
    assert ("ExpiredToken" if revoked else "no identity-based policy allows") in text_of(refused)
    with edge.store.transaction() as tx:
        other = tx.roles.named("other")
    assert other is not None
    assert other.tags == ()


async def test_what_is_changed_again_and_again_is_refused_in_the_end(edge: EdgeInMemory) -> None:
    move_behind_its_back(edge, refreshes_in_vain=100)
    denied = await edge.ask("iam", body=TAG)
    assert denied.status == 403
    assert "the resource changed while the request was decided; try again" in text_of(denied)
    assert edge.source.refreshed == DECISIONS_AT_MOST - 1
    assert await outcome_of(edge) == ("failed", "AccessDenied", "TagRole")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (StoreUnavailable("locked by somebody"), 503, "ServiceUnavailable"),
        (AlreadyStored("web"), 500, "InternalFailure"),
        (RuntimeError("a mistake"), 500, "InternalFailure"),
    ],
)
async def test_a_change_that_the_store_does_not_take(
    edge: EdgeInMemory, failure: Exception, status: int, code: str
) -> None:
    edge.store.failure = failure
    answer = await edge.ask("iam", body=CREATE)
    edge.store.failure = None
    assert answer.status == status
    assert f"<Code>{code}</Code>" in text_of(answer)
    assert str(failure) not in text_of(answer)
    assert await outcome_of(edge) == ("failed", code, "CreateInstanceProfile")


async def test_a_mistake_of_ours_is_told_to_nobody(
    edge: EdgeInMemory, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(raw: RawRequest) -> RawRequest:
        edge.pipeline.performer.snapshots.current = None  # type: ignore[assignment,method-assign]
        return raw

    answer = await edge.ask("sts", body=IDENTITY, change=spoil)
    assert (answer.status, "InternalFailure" in text_of(answer)) == (500, True)
    assert "NoneType" not in text_of(answer)
    assert "request_failed" in "".join(capsys.readouterr())


async def test_what_is_not_offered_is_refused_whoever_asks(edge: EdgeInMemory) -> None:
    answer = await edge.ask("iam", body=b"Action=UploadSSHPublicKey&UserName=u&Version=2010-05-08")
    assert answer.status == 400
    assert "<Code>InvalidAction</Code>" in text_of(answer)
    assert "this installation does not offer iam:UploadSSHPublicKey" in text_of(answer)
    assert await outcome_of(edge) == ("not_offered", "InvalidAction", "UploadSSHPublicKey")


async def test_a_parameter_that_is_not_offered_is_no_denial(edge: EdgeInMemory) -> None:
    session = await edge.session()
    for headers in ((("x-amz-tagging", "a=1"),), (("x-amz-storage-class", "x"), ("x-amz-tagging", "a=1"))):
        answer = await edge.ask(
            "s3", method="PUT", target="/bucket/key", headers=headers, credentials=session
        )
        assert answer.status == 501
        assert await outcome_of(edge) == ("not_offered", "NotImplemented", "PutObject")
    url = f"http://edge.test/{ACCOUNT_ID}/jobs"
    asked = {"QueueUrl": url, "Attributes": {"KmsMasterKeyId": "k"}}
    answer = await edge.target("sqs", "AmazonSQS.SetQueueAttributes", asked, credentials=session)
    assert (answer.status, "UnsupportedOperation" in text_of(answer)) == (400, True)
    assert await outcome_of(edge) == ("not_offered", "UnsupportedOperation", "SetQueueAttributes")


async def test_a_denial_says_why_and_ec2_seals_it(edge: EdgeInMemory) -> None:
    session = await edge.session()
    denied = await edge.ask("iam", body=b"Action=ListRoles&Version=2010-05-08", credentials=session)
    assert denied.status == 403
    assert "no identity-based policy allows the iam:ListRoles action" in text_of(denied)
    assert await outcome_of(edge) == ("denied", "AccessDenied", "ListRoles")
    sealed = await edge.ask("ec2", body=b"Action=DescribeInstances&Version=2016-11-15", credentials=session)
    assert "Encoded authorization failure message: " in text_of(sealed)


def with_authorization(change: str) -> Change:
    """Replaces what stands before the arrow, once the request is signed, by what stands behind it."""
    old, _, new = change.partition("→")

    def changed(raw: RawRequest) -> RawRequest:
        headers = dict(raw.headers)
        headers["authorization"] = headers["authorization"].replace(old, new)
        return msgspec.structs.replace(raw, headers=tuple(headers.items()))

    return changed


@pytest.mark.parametrize(
    ("service", "change", "code", "status"),
    [
        ("iam", "aws4_request→aws5_request", "IncompleteSignature", 400),
        ("s3", "aws4_request→aws5_request", "AuthorizationHeaderMalformed", 400),
        ("dynamodb", "aws4_request→aws5_request", "IncompleteSignatureException", 400),
        ("ec2", "AWS4-HMAC-SHA256→AWS4-OTHER", "IncompleteSignature", 400),
        ("dynamodb", "/dynamodb/→/sqs/", "InvalidSignatureException", 400),
        ("sts", "/sts/→/iam/", "SignatureDoesNotMatch", 403),
    ],
)
async def test_a_claim_that_is_none_is_refused_in_the_services_words(
    edge: EdgeInMemory, service: str, change: str, code: str, status: int
) -> None:
    changed = with_authorization(change)
    if service == "s3":
        answer = await edge.of_s3("GET", "/bucket/key", change=changed)
    elif service == "dynamodb":
        answer = await edge.target(service, "DynamoDB_20120810.ListTables", {}, change=changed)
    else:
        answer = await edge.ask(service, body=IDENTITY, change=changed)
    assert answer.status == status
    assert code in text_of(answer)
    assert (await outcome_of(edge))[:2] == ("refused", code)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("iam", "SignatureDoesNotMatch", 403),
        ("sts", "SignatureDoesNotMatch", 403),
        ("ec2", "AuthFailure", 401),
        ("dynamodb", "InvalidSignatureException", 400),
        ("sqs", "SignatureDoesNotMatch", 403),
        ("tabard", "SignatureDoesNotMatch", 403),
        ("hosts", "SignatureDoesNotMatch", 403),
    ],
)
async def test_a_signature_for_a_region_that_aws_does_not_have_is_refused(
    edge: EdgeInMemory, service: str, code: str, status: int
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html ("Region")"""
    targets = {
        "dynamodb": "DynamoDB_20120810.ListTables",
        "sqs": "AmazonSQS.ListQueues",
        "tabard": "Tabard_20261101.GetOrganization",
        "hosts": "TabardHosts_20261101.DescribeHosts",
    }
    if service in targets:
        answer = await edge.target(service, targets[service], {}, region="eu-north-9")
    else:
        answer = await edge.ask(service, body=IDENTITY, region="eu-north-9")
    assert answer.status == status
    assert code in text_of(answer)
    assert "Credential should be scoped to a valid region, not 'eu-north-9'." in html.unescape(
        text_of(answer)
    )
    assert (await outcome_of(edge))[:2] == ("refused", code)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-southeast-4"])
async def test_a_signature_may_be_for_any_region_of_the_partition(edge: EdgeInMemory, region: str) -> None:
    assert (await edge.ask("sts", body=IDENTITY, region=region)).status == 200


async def test_a_signature_for_a_region_of_another_partition_is_refused(edge: EdgeInMemory) -> None:
    assert (await edge.ask("sts", body=IDENTITY, region="cn-north-1")).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_bucket_is_in_one_region_and_a_policy_that_names_it_holds(
    edge: EdgeInMemory, method: str
) -> None:
    """The region is the caller's to sign for: none but the bucket's own reaches it."""
    answer = await edge.of_s3(method, "/bucket/key", region="eu-west-1")
    assert answer.status == 400
    assert dict(answer.headers)["x-amz-bucket-region"] == "us-east-1"
    if method == "GET":
        assert "<Code>AuthorizationHeaderMalformed</Code>" in text_of(answer)
        assert "<Region>us-east-1</Region>" in text_of(answer)
    assert (await outcome_of(edge))[:2] == ("refused", "AuthorizationHeaderMalformed")


async def test_an_unknown_target_is_refused_in_the_protocol_of_its_scope(edge: EdgeInMemory) -> None:
    answer = await edge.target("dynamodb", "DynamoDB_20111205.GetItem", {})
    assert answer.status == 400
    assert json.loads(text_of(answer))["__type"].endswith("#UnknownOperationException")


@pytest.mark.parametrize("declared", ["0" * 64, "é", "", "UNSIGNED-PAYLOAD"])
async def test_a_declared_hash_must_be_the_bodys(edge: EdgeInMemory, declared: str) -> None:
    answer = await edge.ask("sts", body=IDENTITY, headers=(FORM, ("x-amz-content-sha256", declared)))
    assert (answer.status, "SignatureDoesNotMatch" in text_of(answer)) == (403, True)


async def test_who_is_revoked_while_a_body_comes_is_refused(edge: EdgeInMemory) -> None:
    session = await edge.session()
    edge.allow(allow("*"))

    def revoke() -> None:
        now = edge.clock.now()
        with edge.store.transaction() as tx:
            tx.revocations.record(
                Revocation(subject="role", subject_id=edge.role.role_id, not_before=now, forget_after=now)
            )

    answer = await edge.ask("sts", body=IDENTITY, credentials=session, meanwhile=revoke)
    assert (answer.status, "ExpiredToken" in text_of(answer)) == (403, True)


async def test_an_absent_object_is_denied_to_who_may_not_list(edge: EdgeInMemory) -> None:
    session = await edge.session()
    edge.s3.say(404, NO_SUCH_KEY, "content-type: application/xml")
    edge.allow(allow("s3:GetObject"))
    for method in ("GET", "HEAD"):
        assert (await edge.of_s3(method, "/bucket/absent", credentials=session)).status == 403
    edge.allow(allow("s3:GetObject", "s3:ListBucket"))
    assert (await edge.of_s3("GET", "/bucket/absent", credentials=session)).status == 404
    assert (await edge.events())[-1].outcome == "failed"


async def test_an_object_is_forwarded_anew_and_told_with_known_headers_alone(edge: EdgeInMemory) -> None:
    edge.s3.say(200, b"content", 'etag: "e"', "x-upstream: secret", "x-amz-meta-a: b", "server: weed")
    answer = await edge.of_s3("GET", "/bucket/a%20b?x-id=GetObject")
    assert (answer.status, answer.body) == (200, b"content")
    names = [name for name, _ in answer.headers]
    assert "x-upstream" not in names
    assert "server" not in names
    assert ("x-amz-meta-a", "b") in answer.headers
    (head,) = edge.s3.heads
    assert head.startswith("GET /bucket/a%20b HTTP/1.1")
    assert edge.admin.access_key_id not in head
    assert "Credential=upstream/" in head


async def test_a_large_object_is_streamed(edge: EdgeInMemory) -> None:
    content = b"x" * 300_000
    edge.s3.say(200, content)
    answer = await edge.of_s3("GET", "/bucket/large")
    assert not isinstance(answer.body, bytes)
    assert b"".join([piece async for piece in answer.body]) == content


async def test_an_upload_is_verified_on_its_way(edge: EdgeInMemory) -> None:
    edge.s3.say(200, b"", 'etag: "e"')
    assert (await edge.of_s3("PUT", "/bucket/key", b"content")).status == 200
    assert edge.s3.bodies == [b"content"]

    answer = await edge.of_s3("PUT", "/bucket/key", b"content", arrives=b"CONTENT")
    assert (answer.status, "XAmzContentSHA256Mismatch" in text_of(answer)) == (400, True)
    assert edge.s3.bodies == [b"content"]


async def test_of_many_deletions_the_denied_are_not_asked_for(edge: EdgeInMemory) -> None:
    session = await edge.session()
    edge.allow(allow("s3:DeleteObject"), deny("s3:DeleteObject", on="arn:aws:s3:::bucket/secret/*"))
    edge.s3.say(200, b"<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>")
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>secret/b</Key></Object></Delete>"
    answer = await edge.of_s3("POST", "/bucket?delete", body, credentials=session)
    assert answer.status == 200
    assert "<Key>a</Key>" in text_of(answer)
    assert "<Code>AccessDenied</Code>" in text_of(answer)
    assert b"secret/b" not in edge.s3.bodies[0]
    asked = len(edge.s3.bodies)
    only = b"<Delete><Object><Key>secret/b</Key></Object></Delete>"
    assert (await edge.of_s3("POST", "/bucket?delete", only, credentials=session)).status == 200
    assert len(edge.s3.bodies) == asked, "nothing is left to be asked"


async def test_a_table_is_described_once_for_its_key(edge: EdgeInMemory) -> None:
    session = await edge.session()
    edge.allow(
        {
            **allow("dynamodb:GetItem"),
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}},
        }
    )
    described = {
        "Table": {
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        }
    }
    edge.json.say(200, json.dumps(described).encode())
    edge.json.say(200, b"{}")

    async def get(key: str) -> Answer:
        item = {"TableName": "notes", "Key": {"pk": {"S": key}}}
        return await edge.target("dynamodb", "DynamoDB_20120810.GetItem", item, credentials=session)

    assert (await get("mine")).status == 200
    assert (await get("another's")).status == 400
    assert [head.split("x-amz-target: ")[1].split("\r\n")[0].split(".")[1] for head in edge.json.heads] == [
        "DescribeTable",
        "GetItem",
    ]
    assert all("x-secret: s" in head for head in edge.json.heads)


async def test_an_upstreams_error_is_passed_on(edge: EdgeInMemory) -> None:
    error = {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "not there"}
    edge.json.say(400, json.dumps(error).encode())
    answer = await edge.target("sqs", "AmazonSQS.GetQueueUrl", {"QueueName": "absent"})
    assert (answer.status, "QueueDoesNotExist" in text_of(answer)) == (400, True)
    outcome, code, operation = await outcome_of(edge)
    assert (outcome, operation) == ("failed", "GetQueueUrl")
    assert code.endswith(("QueueDoesNotExist", "NonExistentQueue"))


async def test_queues_lead_to_the_edge_and_to_the_account(edge: EdgeInMemory) -> None:
    edge.json.say(200, b'{"QueueUrls":["http://upstream/000000000000/jobs"]}')
    edge.json.say(200, b'{"Messages":[{"Body":"b","Attributes":{"SenderId":"AIDA","SentTimestamp":"1"}}]}')
    listed = await edge.target("sqs", "AmazonSQS.ListQueues", {})
    assert json.loads(text_of(listed))["QueueUrls"] == [f"http://edge.test/{ACCOUNT_ID}/jobs"]
    url = f"http://evil.example/{ACCOUNT_ID}/jobs"
    received = await edge.target("sqs", "AmazonSQS.ReceiveMessage", {"QueueUrl": url})
    assert "SenderId" not in text_of(received)
    assert "evil.example" not in edge.json.bodies[-1].decode()


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sqs"])
async def test_an_upstream_that_breaks_off_is_503(edge: EdgeInMemory, service: str) -> None:
    for stub in (edge.s3, edge.json):
        stub.answers.append(b"this is no HTTP\r\n\r\n")
    if service == "s3":
        answer = await edge.of_s3("GET", "/bucket?list-type=2")
    else:
        name = "DynamoDB_20120810.ListTables" if service == "dynamodb" else "AmazonSQS.ListQueues"
        answer = await edge.target(service, name, {})
    assert (answer.status, "ServiceUnavailable" in text_of(answer)) == (503, True)
    assert (await outcome_of(edge))[:2] == ("failed", "ServiceUnavailable")


async def test_an_s3_upstream_that_fails_is_503(edge: EdgeInMemory) -> None:
    error = b"<Error><Code>InternalError</Code><Message>volume 1 not found</Message></Error>"
    for target in ("/bucket/key", "/bucket?list-type=2"):
        edge.s3.say(500, error)
        answer = await edge.of_s3("GET", target)
        assert (answer.status, "<Code>ServiceUnavailable</Code>" in text_of(answer)) == (503, True)
        assert "volume" not in text_of(answer)


async def test_the_audit_waits_for_its_store(edge: EdgeInMemory) -> None:
    await edge.ask("sts", body=IDENTITY)
    edge.store.failure = StoreUnavailable("away")
    await edge.pipeline.audit.flush()
    assert edge.pipeline.audit.failing_because == "away"
    assert edge.written == []
    edge.store.failure = None
    await edge.pipeline.audit.flush()
    assert edge.pipeline.audit.failing_because == ""
    assert [event.operation for event in edge.written] == ["GetCallerIdentity"]


async def test_an_unsigned_request_is_audited_as_far_as_it_is_known(edge: EdgeInMemory) -> None:
    nobody = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="x")
    await edge.of_s3("GET", "/bucket/key", credentials=nobody)
    (event,) = await edge.events()
    assert (event.outcome, event.error_code, event.service) == ("refused", "InvalidAccessKeyId", "s3")
    assert (event.principal_arn, event.access_key_id, event.resources) == ("", "", ())


async def test_an_event_says_which_statement_allowed_it(edge: EdgeInMemory) -> None:
    edge.allow(allow("iam:ListRoles"))
    session = await edge.session()
    assert (
        await edge.ask("iam", body=b"Action=ListRoles&Version=2010-05-08", credentials=session)
    ).status == 200
    [decided] = (await edge.events())[-1].decisions
    assert (decided.action, decided.resource, decided.effect) == ("iam:ListRoles", "*", Effect.ALLOW)
    assert len(decided.matched) == 1


async def test_a_denial_is_recorded_with_its_explanation(edge: EdgeInMemory) -> None:
    session = await edge.session()
    await edge.ask("iam", body=b"Action=ListRoles&Version=2010-05-08", credentials=session)
    event = (await edge.events())[-1]
    [decided] = event.decisions
    assert decided.effect is Effect.IMPLICIT_DENY
    told = json.loads(event.explanation)
    assert (told["action"], told["effect"]) == ("iam:ListRoles", "implicit-deny")
    assert "aws:sourceip" in told["context"]


async def test_a_write_commits_what_was_decided_about_it(edge: EdgeInMemory) -> None:
    await edge.ask("iam", body=CREATE)
    [decided] = (await edge.events())[-1].decisions
    assert decided.action == "iam:CreateInstanceProfile"
    assert decided.matched[0].policy == "all"
