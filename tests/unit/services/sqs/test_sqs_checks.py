"""From a request to what it needs to be allowed; a queue has one name, however its URL is spelled."""

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabard.access.authorize import Denied
from tabard.access.check import Check
from tabard.access.refusals import MemberNotOffered
from tabard.errors import AwsError
from tabard.services.operation import actions_of
from tabard.services.sqs.checks import queue_name_of_url
from tabard.services.sqs.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidQueueName,
    QueueDoesNotExist,
    UnsupportedOperation,
)
from tabard.services.sqs.operations import OPERATIONS
from tabard.wire.service_model import service_model
from tests.support.one_account import ACCOUNT_ID, REGION, Account

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:jobs"
URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/jobs"
_BY_NAME = {operation.name: operation for operation in OPERATIONS}


def checks(account: Account, operation: str, request: Mapping[str, object]) -> Sequence[Check]:
    needed = _BY_NAME[operation].checks(request, account.facts())
    assert {check.action for check in needed} <= set(actions_of("sqs", _BY_NAME[operation]))
    return needed


ACTIONS = {
    "DeleteQueue": "DeleteQueue",
    "PurgeQueue": "PurgeQueue",
    "GetQueueAttributes": "GetQueueAttributes",
    "SetQueueAttributes": "SetQueueAttributes",
    "SendMessage": "SendMessage",
    "SendMessageBatch": "SendMessage",
    "ReceiveMessage": "ReceiveMessage",
    "DeleteMessage": "DeleteMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibility": "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}


@pytest.mark.parametrize("operation", ACTIONS)
def test_an_operation_on_a_queue_needs_its_action_on_that_queue(account: Account, operation: str) -> None:
    """A batch needs the action of its parts: there is no permission of its own."""
    (check,) = checks(account, operation, {"QueueUrl": URL})
    assert (check.action, check.resource) == (f"sqs:{ACTIONS[operation]}", QUEUE)
    assert not check.context


@pytest.mark.parametrize("operation", ["CreateQueue", "GetQueueUrl"])
def test_an_operation_on_a_name_needs_its_action_on_the_queue_of_that_name(
    account: Account, operation: str
) -> None:
    (check,) = checks(account, operation, {"QueueName": "jobs"})
    assert (check.action, check.resource) == (f"sqs:{operation}", QUEUE)
    (fifo,) = checks(account, operation, {"QueueName": "jobs.fifo"})
    assert fifo.resource == f"{QUEUE}.fifo"


def test_listing_is_on_everything(account: Account) -> None:
    (check,) = checks(account, "ListQueues", {"QueueNamePrefix": "j"})
    assert (check.action, check.resource) == ("sqs:ListQueues", "*")


@pytest.mark.parametrize("prefix", ["(a+)+$", ".*", "a|b", "[", "a b", "jöbs", "x" * 81, "a\n"])
def test_a_prefix_is_a_name_and_no_pattern(account: Account, prefix: str) -> None:
    with pytest.raises(InvalidQueueName):
        checks(account, "ListQueues", {"QueueNamePrefix": prefix})


def test_tags_that_no_policy_would_see_are_refused(account: Account) -> None:
    members = _BY_NAME["CreateQueue"].members
    with pytest.raises(MemberNotOffered, match="tags are not supported") as caught:
        members.check("sqs", "CreateQueue", {"QueueName": "jobs", "tags": {"Team": "blue"}})
    assert (caught.value.error_code, caught.value.http_status) == ("UnsupportedOperation", 400)
    members.check("sqs", "CreateQueue", {"QueueName": "jobs", "tags": {}})
    assert checks(account, "CreateQueue", {"QueueName": "jobs", "tags": {}})


KEPT = {
    "ContentBasedDeduplication": "true",
    "DeduplicationScope": "queue",
    "DelaySeconds": "900",
    "FifoQueue": "true",
    "FifoThroughputLimit": "perQueue",
    "MaximumMessageSize": "1024",
    "MessageRetentionPeriod": "60",
    "Policy": "",
    "ReceiveMessageWaitTimeSeconds": "20",
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{QUEUE}-dead", "maxReceiveCount": "3"}),
    "VisibilityTimeout": "0",
}


@pytest.mark.parametrize(
    ("operation", "named"),
    [("CreateQueue", {"QueueName": "jobs.fifo"}), ("SetQueueAttributes", {"QueueUrl": f"{URL}.fifo"})],
)
def test_only_attributes_that_the_engine_enforces_are_accepted(
    account: Account, operation: str, named: dict[str, object]
) -> None:
    assert len(checks(account, operation, {**named, "Attributes": KEPT})) == 1
    assert checks(account, operation, {**named, "Attributes": {"RedrivePolicy": ""}})
    for name in (
        "RedriveAllowPolicy",
        "KmsMasterKeyId",
        "KmsDataKeyReusePeriodSeconds",
        "SqsManagedSseEnabled",
    ):
        with pytest.raises(UnsupportedOperation, match=name):
            checks(account, operation, {**named, "Attributes": {name: "1"}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DelaySeconds", "901"), ("DelaySeconds", "-1"), ("DelaySeconds", "x"), ("DelaySeconds", ""),
        ("MaximumMessageSize", "1023"), ("MessageRetentionPeriod", "59"), ("VisibilityTimeout", "43201"),
        ("ReceiveMessageWaitTimeSeconds", "21"), ("FifoQueue", "yes"), ("FifoThroughputLimit", "none"),
        ("RedrivePolicy", "{"), ("RedrivePolicy", "[]"), ("RedrivePolicy", "{}"), ("RedrivePolicy", "\ud800"),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": QUEUE, "maxReceiveCount": 0})),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": QUEUE, "maxReceiveCount": "many"})),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": "jobs", "maxReceiveCount": 3})),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": "arn:aws:s3:::jobs", "maxReceiveCount": 3})),
    ],
)  # fmt: skip
def test_an_attribute_has_a_value_that_it_can_have(account: Account, name: str, value: str) -> None:
    with pytest.raises(InvalidAttributeValue, match=name):
        checks(account, "SetQueueAttributes", {"QueueUrl": f"{URL}.fifo", "Attributes": {name: value}})


@pytest.mark.parametrize(
    "name",
    [
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoQueue",
        "FifoThroughputLimit",
        "Bogus",
        "QueueArn",
    ],
)
@pytest.mark.parametrize(
    ("operation", "named"),
    [("CreateQueue", {"QueueName": "jobs"}), ("SetQueueAttributes", {"QueueUrl": URL})],
)
def test_a_standard_queue_has_no_attributes_of_fifo_queues_and_no_unknown_ones(
    account: Account, operation: str, named: dict[str, object], name: str
) -> None:
    with pytest.raises(InvalidAttributeName, match=f"Unknown Attribute {name}"):
        checks(account, operation, {**named, "Attributes": {name: "true"}})


@pytest.mark.parametrize("old", [ACCOUNT_ID, REGION, "aws:"])
def test_dead_letters_stay_in_the_account_and_region(account: Account, old: str) -> None:
    elsewhere = QUEUE.replace(old, {ACCOUNT_ID: "999999999999", REGION: "eu-west-3"}.get(old, "aws-cn:"))
    redrive = json.dumps({"deadLetterTargetArn": elsewhere, "maxReceiveCount": 3})
    with pytest.raises(QueueDoesNotExist):
        checks(account, "CreateQueue", {"QueueName": "jobs", "Attributes": {"RedrivePolicy": redrive}})


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateQueue", {"QueueName": "jobs", "Attributes": {"Policy": "{}"}}),
        ("SetQueueAttributes", {"QueueUrl": URL, "Attributes": {"Policy": "{}", "DelaySeconds": "1"}}),
    ],
)
def test_a_queue_policy_that_nobody_would_enforce_is_refused(
    account: Account, operation: str, request_: dict[str, object]
) -> None:
    with pytest.raises(UnsupportedOperation, match="use identity-based policies"):
        checks(account, operation, request_)
    request_["Attributes"] = {"Policy": ""}
    assert checks(account, operation, request_)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"http://127.0.0.1:4580/{ACCOUNT_ID}/jobs",
        f"https://[::1]:4580/{ACCOUNT_ID}/jobs",
        f"https://sqs.eu-west-3.amazonaws.com/{ACCOUNT_ID}/jobs",
        f"https://queue.amazonaws.com/{ACCOUNT_ID}/jobs",
        f"/{ACCOUNT_ID}/jobs",
    ],
)
def test_the_host_of_a_queue_url_is_the_callers_business(account: Account, url: str) -> None:
    assert queue_name_of_url(url, account.facts()) == "jobs"


NO_QUEUE = [
    None,
    "",
    "jobs",
    "/jobs",
    f"{ACCOUNT_ID}/jobs",
    f"//{ACCOUNT_ID}/jobs",
    f"{URL}/",
    f"{URL}/secret",
    f"{URL}?/secret",
    f"{URL}?x=/secret",
    f"{URL}#/secret",
    f"{URL};/secret",
    f"{URL}%2Fsecret",
    f"{URL}%2fsecret",
    f"{URL}\\secret",
    f"{URL}\n",
    f"{URL}\n/secret",
    f"{URL}\t",
    f" {URL}",
    f"{URL} ",
    f"{URL}\x00",
    URL.replace("jobs", "jo\nbs"),
    URL.replace("jobs", "j%6fbs"),
    URL.replace("jobs", "."),
    URL.replace("jobs", ".."),
    URL.replace("jobs", "../secret"),
    URL.replace("jobs", "jobs.fifo.fifo"),
    URL.replace("jobs", ".fifo"),
    URL.replace("jobs", "jöbs"),
    URL.replace("jobs", "x" * 81),
    URL.replace("jobs", "x" * 76 + ".fifo"),
    URL.replace(ACCOUNT_ID, "999999999999"),
    URL.replace(ACCOUNT_ID, f"{ACCOUNT_ID}/."),
    URL.replace(ACCOUNT_ID, "queue"),
    URL.replace(ACCOUNT_ID, "１２３４５６７８９０１２"),  # digits, but not ASCII's
    f"https://user@host/{ACCOUNT_ID}/jobs",
    f"https://host/x?y=/{ACCOUNT_ID}/jobs",
    f"https://host#/{ACCOUNT_ID}/jobs",
    f"https:///{ACCOUNT_ID}/jobs",
    f"ftp://host/{ACCOUNT_ID}/jobs",
    f"javascript:/{ACCOUNT_ID}/jobs",
    QUEUE,
]


@pytest.mark.parametrize("url", NO_QUEUE)
def test_a_url_that_could_mean_another_queue_to_another_reader_is_no_queues(
    account: Account, url: str | None
) -> None:
    with pytest.raises(QueueDoesNotExist):
        queue_name_of_url(url, account.facts())
    with pytest.raises(QueueDoesNotExist):
        checks(account, "SendMessage", {} if url is None else {"QueueUrl": url})


_pieces = st.lists(
    st.sampled_from(
        (
            URL,
            "https://",
            "h",
            ":1",
            f"/{ACCOUNT_ID}",
            "/jobs",
            "/secret",
            "/",
            "?",
            "#",
            ".fifo",
            "%2F",
            "\n",
            "..",
        )
    ),
    max_size=6,
).map("".join)


@given(_pieces | st.text(max_size=30).map(lambda more: URL + more))
@example(f"{URL}?/secret")
def test_the_name_that_is_authorized_is_what_follows_the_last_slash(url: str) -> None:
    """Which is how the edge and the embedded upstream read it."""
    try:
        name = queue_name_of_url(url, FACTS)
    except QueueDoesNotExist:
        return
    assert url.rsplit("/", 1)[-1] == name
    assert url.endswith(f"/{ACCOUNT_ID}/{name}")


FACTS = Account().facts()


@pytest.mark.parametrize(
    "name",
    [None, "", "jobs/secret", "jobs ", "jobs\n", "jobs.", ".fifo", "a.fifo.fifo", "jöbs", "x" * 81, QUEUE],
)
def test_a_name_that_no_queue_can_have_is_refused(account: Account, name: str | None) -> None:
    for operation in ("CreateQueue", "GetQueueUrl"):
        with pytest.raises(InvalidQueueName) as caught:
            checks(account, operation, {"QueueName": name} if name is not None else {})
        assert caught.value.error_code == "InvalidParameterValue"


def test_a_queue_of_another_account_does_not_exist(account: Account) -> None:
    request = {"QueueName": "jobs", "QueueOwnerAWSAccountId": ACCOUNT_ID}
    assert checks(account, "GetQueueUrl", request)
    request["QueueOwnerAWSAccountId"] = "999999999999"
    with pytest.raises(QueueDoesNotExist):
        checks(account, "GetQueueUrl", request)


def test_a_deny_on_a_queue_holds_for_every_spelling_that_is_let_through(account: Account) -> None:
    everything = '{"Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}'
    deny = f'{{"Statement":[{{"Effect":"Deny","Action":"sqs:*","Resource":"{QUEUE}"}}]}}'
    caller = account.add_user("worker", everything, deny)
    for url in (URL, f"/{ACCOUNT_ID}/jobs", f"http://x/{ACCOUNT_ID}/jobs"):
        with pytest.raises(Denied):
            account.permit(caller, *checks(account, "SendMessage", {"QueueUrl": url}), service="sqs")
    other = {"QueueUrl": URL.replace("jobs", "Jobs")}  # names are told apart by case
    assert account.permit(caller, *checks(account, "SendMessage", other), service="sqs")


def test_every_operation_and_error_is_one_of_awss() -> None:
    model = service_model("sqs")
    assert set(_BY_NAME) <= set(model.operation_names)
    assert len(_BY_NAME) == len(OPERATIONS)
    errors: tuple[type[AwsError], ...] = (QueueDoesNotExist, UnsupportedOperation, InvalidAttributeValue)
    assert {error.code for error in errors} <= {shape.name for shape in model.error_shapes}
