"""SQS calls in the embedded engine's form, and its answers in AWS's form."""

from collections.abc import Mapping

from tabard.names import Place
from tabard.wire.request import Call, Value

MOST_QUEUES = 1000
_TIMESTAMPS = frozenset(("CreatedTimestamp", "LastModifiedTimestamp"))


def to_upstream(call: Call, place: Place) -> Mapping[str, Value]:
    """Return the input in its authorized form: queues by name, without the caller's host."""
    inward = dict(call.input)
    url, prefix = inward.get("QueueUrl"), inward.get("QueueNamePrefix")
    if isinstance(url, str):
        name = url.rsplit("/", 1)[-1]
        inward["QueueUrl"] = f"https://sqs.{place.region}.amazonaws.com/{place.account_id}/{name}"
    if isinstance(prefix, str):
        inward["QueueNamePrefix"] = prefix.replace(".", r"\.")  # the engine reads a pattern
    if "NextToken" in inward:
        inward.setdefault("MaxResults", MOST_QUEUES)  # without it the engine would start over
    return inward


def from_upstream(output: dict[str, object], _call: Call, account_url: str) -> None:
    """Point QueueUrls at the edge, and remove values that the engine invents.

    Args:
        account_url: the URL of the edge and the account, to which the queue's name is appended.
    Differs: received messages have no SenderId, which the embedded upstream does not know.
    """

    def to_edge(url: object) -> str:
        return f"{account_url}/{str(url).rsplit('/', 1)[-1]}"

    if "QueueUrl" in output:
        output["QueueUrl"] = to_edge(output["QueueUrl"])
    urls = output.get("QueueUrls")
    if isinstance(urls, list):
        output["QueueUrls"] = [to_edge(url) for url in urls]
    messages = output.get("Messages")
    for message in messages if isinstance(messages, list) else ():
        sent = message.get("Attributes")
        if isinstance(sent, dict):
            sent.pop("SenderId", None)
    attributes = output.get("Attributes")
    if isinstance(attributes, dict):
        for name in _TIMESTAMPS & attributes.keys():
            attributes[name] = str(attributes[name]).partition(".")[0]
