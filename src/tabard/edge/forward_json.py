"""Forwarding to a DynamoDB or SQS upstream: the request is built anew from the typed call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tabard.access.authorize import Permit
from tabard.edge.readable_answer import readable_answer
from tabard.errors import RelayedError, ServiceUnavailable
from tabard.http1.answer import Answer
from tabard.http1.pool import Http1Pool, UpstreamUnavailable
from tabard.services.dynamodb.consumed_capacity import tell_capacity
from tabard.services.dynamodb.tables import with_plain_table_names
from tabard.wire.rebuild import parse_upstream_output, rebuild_request
from tabard.wire.render import render_output
from tabard.wire.request import Call, Value
from tabard.wire.service_model import service_model

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024

_TIMESTAMPS = frozenset(("CreatedTimestamp", "LastModifiedTimestamp"))
MOST_QUEUES = 1000

JsonService = Literal["dynamodb", "sqs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonUpstream:
    """One upstream that speaks DynamoDB's or SQS's JSON protocol, trusted to check nothing.

    `secret_header` is what it demands of whoever reaches its socket. `endpoint` is where queue URLs lead.
    """

    service: JsonService
    pool: Http1Pool = field(repr=False)
    secret_header: tuple[str, str] = field(repr=False)
    endpoint: str

    async def forward(self, permit: Permit, call: Call, *, reached_at: str = "") -> Answer:
        """Perform an allowed call in the region that the caller's scope names.

        Args: reached_at: where the caller has reached the edge, if not at its endpoint.

        Raises:
            RelayedError: what the upstream answered. ServiceUnavailable (503): it cannot be reached.
        """
        output = await self.ask(call.operation, self._inward(call, permit), region=permit.region)
        with readable_answer(self.service, call.operation):
            if self.service == "sqs":
                self._outward(output, permit.account_id, reached_at or self.endpoint)
            else:
                tell_capacity(output, str(call.input.get("ReturnConsumedCapacity", "NONE")))
            return render_output(
                service_model(self.service), call.operation, output, permit.request_id, call.protocol
            )

    async def ask(self, operation: str, arguments: Mapping[str, Value], *, region: str) -> dict[str, object]:
        """The upstream's answer to one operation, by member names."""
        model = service_model(self.service)
        request = rebuild_request(model, operation, arguments)
        headers = [
            ("host", f"{self.service}.{region}.amazonaws.com"),
            self.secret_header,
            *request.headers,
        ]
        try:
            answer = await self.pool.request(request.method, request.raw_path, headers, request.body)
            content = await answer.read(ANSWER_LIMIT_BYTES)
        except UpstreamUnavailable as error:
            raise ServiceUnavailable(
                reason=f"The {self.service} upstream cannot be reached; please try again."
            ) from error
        with readable_answer(self.service, operation):
            output = parse_upstream_output(model, operation, answer.status, answer.headers, content)
            if isinstance(output, RelayedError):
                raise output
        return output

    def _inward(self, call: Call, permit: Permit) -> Mapping[str, Value]:
        """In the form in which it was authorized: tables and queues go by their plain names.

        Whatever host the caller's QueueUrl had stays outside, and a table's ARN is read here alone.
        """
        if self.service == "dynamodb":
            plain = with_plain_table_names(call.input, permit)
            if call.operation == "UpdateItem" and "UpdateExpression" not in plain:
                return {
                    **plain,
                    "AttributeUpdates": {},
                }  # the upstream fails where there is nothing to update
            return plain
        inward = dict(call.input)
        url, prefix = inward.get("QueueUrl"), inward.get("QueueNamePrefix")
        if isinstance(url, str):
            name = url.rsplit("/", 1)[-1]
            inward["QueueUrl"] = f"https://sqs.{permit.region}.amazonaws.com/{permit.account_id}/{name}"
        if isinstance(prefix, str):
            inward["QueueNamePrefix"] = prefix.replace(".", r"\.")  # which the upstream takes for a pattern
        if "NextToken" in inward:
            inward.setdefault("MaxResults", MOST_QUEUES)  # without it the upstream would begin anew
        return inward

    def _outward(self, output: dict[str, object], account_id: str, reached_at: str) -> None:
        """QueueUrls lead to the edge; what the upstream makes up is left out.

        Differs: received messages have no SenderId, which the embedded upstream does not know.
        """

        def to_edge(url: object) -> str:
            return f"{reached_at}/{account_id}/{str(url).rsplit('/', 1)[-1]}"

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
