"""The checks that each SQS operation needs.

AWS: the Service Authorization Reference for SQS, and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
"""

import re
from collections.abc import Callable, Mapping, Sequence

from tabard.access.check import Check
from tabard.services.operation import Facts
from tabard.services.sqs.attributes import check_attributes
from tabard.services.sqs.errors import InvalidQueueName, QueueDoesNotExist
from tabard.wire.request import Value

Input = Mapping[str, Value]
Checks = Callable[[Input, Facts], Sequence[Check]]

_NAME = r"(?=[A-Za-z0-9_.-]{1,80}\Z)[A-Za-z0-9_-]+(?:\.fifo)?"
_QUEUE_NAME = re.compile(_NAME)
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{0,80}")
# The whole URL, with nothing after the name: with a query, a fragment or an escape, the next reader of the
# URL could find another queue.
_QUEUE_URL = re.compile(rf"(?:https?://[A-Za-z0-9.:\[\]-]+)?/([0-9]{{12}})/({_NAME})")


def queue_name_of_url(url: Value | None, facts: Facts) -> str:
    """Return the name in `…/ACCOUNT/NAME`. The host is ignored; account and name are checked.

    INVARIANT: every reader of the URL finds the name after the last slash.

    Raises:
        QueueDoesNotExist: the URL does not name a queue of this account.
    """
    matched = _QUEUE_URL.fullmatch(url) if isinstance(url, str) else None
    if matched is None or matched[1] != facts.account_id:
        raise QueueDoesNotExist
    return matched[2]


def _arn(name: str, facts: Facts) -> str:
    return f"arn:{facts.partition}:sqs:{facts.region}:{facts.account_id}:{name}"


def on_queue(action: str) -> Checks:
    """Require `action` on the queue in QueueUrl."""

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        name = queue_name_of_url(arguments.get("QueueUrl"), facts)
        check_attributes(arguments.get("Attributes"), facts, is_fifo=name.endswith(".fifo"))
        return (Check(action=action, resource=_arn(name, facts)),)

    return checks


def on_named_queue(action: str) -> Checks:
    """Require `action` on the queue in QueueName, for CreateQueue and GetQueueUrl.

    Differs: queues have no tags; CreateQueue with tags is refused.
    """

    def checks(arguments: Input, facts: Facts) -> Sequence[Check]:
        name = arguments.get("QueueName")
        if not isinstance(name, str) or not _QUEUE_NAME.fullmatch(name):
            raise InvalidQueueName
        check_attributes(arguments.get("Attributes"), facts, is_fifo=name.endswith(".fifo"))
        if arguments.get("QueueOwnerAWSAccountId", facts.account_id) != facts.account_id:
            raise QueueDoesNotExist
        return (Check(action=action, resource=_arn(name, facts)),)

    return checks


def on_no_queue(action: str) -> Checks:
    """Require `action` on `*` for ListQueues. Raises InvalidQueueName for an impossible prefix."""

    def checks(arguments: Input, _facts: Facts) -> Sequence[Check]:
        prefix = arguments.get("QueueNamePrefix", "")
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise InvalidQueueName
        return (Check(action=action, resource="*"),)

    return checks
