"""S3 requests as the edge reads them, decides about them, and builds them anew for the upstream."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from tabard.access.authorize import RequestFacts
from tabard.access.check import Check
from tabard.errors import AwsError
from tabard.services.operation import actions_of
from tabard.services.s3.operations import OPERATIONS
from tabard.wire.parse import parse_input
from tabard.wire.rebuild import UpstreamRequest, rebuild_request
from tabard.wire.request import RawRequest, Value
from tabard.wire.s3_routes import S3Route, match_s3_operation
from tabard.wire.service_model import service_model
from tests.support.one_account import Account

MODEL = service_model("s3")
BY_NAME = {operation.name: operation for operation in OPERATIONS}
FACTS = Account().facts()
REQUEST_FACTS = RequestFacts(
    service="s3",
    region=FACTS.region,
    source_ip="127.0.0.1",
    secure=False,
    user_agent="tests",
    referer="",
    request_id="",
    now=FACTS.now,
)


def raw(method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None) -> RawRequest:
    """A request as it is on the wire."""
    return RawRequest(
        method=method,
        raw_path=path,
        raw_query=query,
        headers=tuple((headers or {}).items()),
        peer_ip="127.0.0.1",
        secure=False,
        request_id="",
        received_at=FACTS.now,
    )


def read(request: RawRequest, body: bytes = b"") -> tuple[str, Mapping[str, Value]]:
    """The operation and its typed input. Raises AwsError."""
    route = match_s3_operation(request)
    assert isinstance(route, S3Route), route
    return route.operation, parse_input(MODEL, route.operation, request, body, route.uri_params)


def resolved(
    request: RawRequest, body: bytes = b""
) -> tuple[str, Mapping[str, Value], Sequence[Check]] | None:
    """Operation, input and checks; None where the request is refused as malformed, or not offered."""
    try:
        operation, arguments = read(request, body)
        if operation not in BY_NAME:
            return None
        return operation, arguments, checks(operation, arguments)
    except AwsError as error:
        if error.http_status != 400:
            raise
        return None


def checks(operation: str, arguments: Mapping[str, object]) -> Sequence[Check]:
    """What the operation needs to be allowed. Raises AwsError."""
    needed = BY_NAME[operation].checks(arguments, FACTS)
    assert {check.action for check in needed} <= set(actions_of("s3", BY_NAME[operation]))
    return needed


def rebuilt(operation: str, arguments: Mapping[str, Value]) -> UpstreamRequest:
    """What is asked of the upstream."""
    return rebuild_request(MODEL, operation, arguments)


def encoded(text: str) -> str:
    """A path segment with nothing left to read."""
    return quote(text, safe="")
