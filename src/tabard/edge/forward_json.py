"""Forward a call to a DynamoDB or SQS upstream: the request is rebuilt from the typed call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from tabard.edge.readable_answer import readable_answer
from tabard.edge.upstream import AllowedCall
from tabard.errors import RelayedError, ServiceUnavailable
from tabard.http1.answer import Answer
from tabard.http1.pool import Http1Pool, UpstreamUnavailable
from tabard.services.dynamodb import upstream_calls as dynamodb
from tabard.services.sqs import upstream_calls as sqs
from tabard.wire.rebuild import parse_upstream_output, rebuild_request
from tabard.wire.render import render_output
from tabard.wire.request import Value
from tabard.wire.service_model import service_model

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024

JsonService = Literal["dynamodb", "sqs"]

_TRANSLATIONS = MappingProxyType(
    {
        "dynamodb": (dynamodb.to_upstream, dynamodb.from_upstream),
        "sqs": (sqs.to_upstream, sqs.from_upstream),
    }
)
"""By service: the function that makes the upstream's request, and the one that makes the caller's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonUpstream:
    """An upstream with DynamoDB's or SQS's JSON protocol. The edge relies on no check of the upstream.

    The upstream demands `secret_header` of every client. `endpoint` is the base of queue URLs.
    """

    service: JsonService
    pool: Http1Pool = field(repr=False)
    secret_header: tuple[str, str] = field(repr=False)
    endpoint: str

    async def forward(self, allowed: AllowedCall) -> Answer:
        """Perform an allowed call in the region that the caller's scope names.

        Raises:
            RelayedError: the upstream's own error. ServiceUnavailable (503): it cannot be reached.
        """
        permit, call = allowed.permit, allowed.call
        to_upstream, from_upstream = _TRANSLATIONS[self.service]
        output = await self.ask(call.operation, to_upstream(call, permit), region=permit.region)
        with readable_answer(self.service, call.operation):
            from_upstream(output, call, f"{allowed.caller_endpoint}/{permit.account_id}")
            return render_output(
                service_model(self.service), call.operation, output, permit.request_id, call.protocol
            )

    async def ask(self, operation: str, arguments: Mapping[str, Value], *, region: str) -> dict[str, object]:
        """Call one operation of the upstream. Return its answer by member names."""
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
