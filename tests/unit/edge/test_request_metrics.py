"""What an edge counts of each request: operation, status, outcome, decisions, latency."""

from urllib.parse import urlencode

from tabard.metrics.exposition import summed
from tabard.metrics.families import (
    DECISIONS,
    OUTCOMES,
    REQUEST_SECONDS,
    REQUESTS,
    SESSIONS_MINTED,
    UPSTREAM_FAILURES,
    UPSTREAM_SECONDS,
    Family,
)
from tests.support.edge_in_memory import EdgeInMemory, allow, deny, text_of

IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
CREATE = b"Action=CreateInstanceProfile&InstanceProfileName=web&Version=2010-05-08"
LISTING = b"<ListBucketResult><Name>bucket</Name></ListBucketResult>"
NOT_OFFERED = b"Action=CreateSAMLProvider&Version=2010-05-08"
NO_SUCH_OPERATION = b"Version=2010-05-08&Action=MakeCoffee"


def counted(edge: EdgeInMemory, family: Family) -> dict[tuple[str, ...], float]:
    """The first number of each series."""
    return {labels: values[0] for labels, values in summed([edge.page])[family].items()}


def observed(edge: EdgeInMemory, family: Family) -> dict[tuple[str, ...], float]:
    """How many values each series of a histogram has."""
    return {labels: sum(values[:-1]) for labels, values in summed([edge.page])[family].items()}


async def test_a_request_counts_by_service_operation_and_status(edge: EdgeInMemory) -> None:
    await edge.ask("sts", body=IDENTITY)
    await edge.ask("iam", body=CREATE)
    await edge.ask("iam", body=CREATE)
    assert counted(edge, REQUESTS) == {
        ("sts", "GetCallerIdentity", "200"): 1,
        ("iam", "CreateInstanceProfile", "200"): 1,
        ("iam", "CreateInstanceProfile", "409"): 1,
    }
    assert counted(edge, OUTCOMES) == {("sts", "allowed"): 1, ("iam", "allowed"): 1, ("iam", "failed"): 1}
    assert observed(edge, REQUEST_SECONDS) == {("sts",): 1, ("iam",): 2}


async def test_words_of_the_caller_make_no_series(edge: EdgeInMemory) -> None:
    """An operation that is not in the table, a service that is not ours: each is `other`."""
    for number in range(3):
        await edge.ask("iam", body=NO_SUCH_OPERATION + str(number).encode())
        await edge.ask(f"service{number}", body=NO_SUCH_OPERATION)
    await edge.ask("iam", body=NOT_OFFERED)
    assert {labels[:2] for labels in counted(edge, REQUESTS)} == {("iam", "other"), ("other", "other")}
    assert ("iam", "not_offered") in counted(edge, OUTCOMES)


async def test_decisions_count_by_effect_and_by_the_kind_of_policy(edge: EdgeInMemory) -> None:
    session = await edge.session()
    edge.s3.say(200, LISTING)
    edge.allow(allow("s3:*"), deny("s3:GetObject"))
    before = counted(edge, DECISIONS)
    await edge.of_s3("GET", "/bucket?list-type=2", credentials=session)
    await edge.of_s3("GET", "/bucket/key", credentials=session)
    await edge.ask("sqs", body=b"Action=ListQueues&Version=2012-11-05", credentials=session)
    after = counted(edge, DECISIONS)
    assert {
        labels: after[labels] - before.get(labels, 0)
        for labels in after
        if after[labels] > before.get(labels, 0)
    } == {
        ("allow", "identity"): 1,
        ("explicit-deny", "identity"): 1,
        ("implicit-deny", "identity"): 1,
    }
    assert counted(edge, OUTCOMES)["s3", "denied"] == 1


async def test_a_minted_session_counts_and_a_refused_one_does_not(edge: EdgeInMemory) -> None:
    session = await edge.session()
    assert counted(edge, SESSIONS_MINTED) == {("AssumeRole",): 1}
    body = f"Action=AssumeRole&Version=2011-06-15&RoleArn={edge.role.arn}&RoleSessionName=tests"
    assert (await edge.ask("sts", body=body.encode(), credentials=session)).status == 403
    assert counted(edge, SESSIONS_MINTED) == {("AssumeRole",): 1}
    assert counted(edge, REQUESTS)["sts", "AssumeRole", "403"] == 1


async def test_a_decoded_message_mints_no_session(edge: EdgeInMemory) -> None:
    session = await edge.session()
    launch = b"Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=1"
    denied = await edge.ask("ec2", body=launch, credentials=session)
    sealed = text_of(denied).split("Encoded authorization failure message: ")[1].split("<")[0]
    decode = {"Action": "DecodeAuthorizationMessage", "Version": "2011-06-15", "EncodedMessage": sealed}
    assert (await edge.ask("sts", body=urlencode(decode).encode())).status == 200
    assert counted(edge, SESSIONS_MINTED) == {("AssumeRole",): 1}


async def test_the_store_behind_a_service_is_timed_and_its_failures_counted(edge: EdgeInMemory) -> None:
    edge.s3.say(200, LISTING)
    edge.s3.say(500, b"<Error><Code>InternalError</Code></Error>")
    await edge.of_s3("GET", "/bucket?list-type=2")
    assert (observed(edge, UPSTREAM_SECONDS), counted(edge, UPSTREAM_FAILURES)) == ({("s3",): 1}, {})
    await edge.of_s3("GET", "/bucket?list-type=2")
    assert observed(edge, UPSTREAM_SECONDS) == {("s3",): 2}
    assert counted(edge, UPSTREAM_FAILURES) == {("s3",): 1}
