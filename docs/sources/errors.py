"""docs/errors.md: how each service refuses, and every error that Tabard raises itself."""

import importlib
import pkgutil
from collections.abc import Iterator

from sources.markdown import NOTICE, code, table
from sources.operations import TITLES
from tabard.access.refusals import REFUSALS, AccessDenied, NotAuthenticated, OperationNotOffered, Refusal
from tabard.errors import AwsError, RelayedError

_INTRODUCTION = """# Errors

Each service has its own error codes, in the caller's protocol. Each error has a request id, which
the audit has too. The edge passes on an upstream's own errors (`NoSuchKey`,
`ConditionalCheckFailedException`, …), which this page does not list. An
unexpected failure is `InternalFailure` with a request id and no detail; the edge's log has the detail.

## Callers without authentication or permission
"""
_WORDS = {
    Refusal.NO_AUTHENTICATION: "no signature",
    Refusal.UNKNOWN_KEY: "unknown, deleted or inactive key",
    Refusal.BAD_SIGNATURE: "wrong signature",
    Refusal.BODY_MISMATCH: "body differs from the signed one",
    Refusal.CLOCK_SKEW: "clock skew",
    Refusal.EXPIRED_SESSION: "expired or revoked session",
    Refusal.BAD_SESSION_TOKEN: "session token of another system or another key",
}
_ROOMS = ("errors", "access", "credentials", "sigv4", "wire", "services", "edge")
_MADE_BY_TABLE = (RelayedError, NotAuthenticated, AccessDenied)


def errors_page() -> str:
    """The page."""
    services = [service for service in TITLES if service != "hosts"]
    rows = [
        (_in_words(refusal), *(_code(*REFUSALS[service][refusal][:2]) for service in services))
        for refusal in Refusal
    ]
    denied = [AccessDenied(service, "") for service in services]
    rows.append(("denied by policy", *(_code(error.error_code, error.http_status) for error in denied)))
    absent = [OperationNotOffered(service, "") for service in services]
    rows.append(("not offered", *(_code(error.error_code, error.http_status) for error in absent)))
    head = ("", *(TITLES[service] for service in services))
    parts = [NOTICE, "", _INTRODUCTION, table(head, rows)]
    parts.append(
        "SQS answers its JSON protocol with these codes too, and names them in `x-amzn-query-error`. "
        "A HEAD request to S3 gets the status alone.\n\n"
        "*Not offered* is an operation that Tabard does not have, whatever the policies say. Its code is no "
        "denial's, and the audit says `not_offered`. A parameter that is not offered is refused with "
        "`NotImplemented` (S3), `ValidationException` (DynamoDB) or `UnsupportedOperation` (EC2, SQS). A "
        "request signed for another service (`lambda`, `kms`) is answered in that service's own protocol: "
        "`UnknownOperationException` in JSON, `InvalidAction` in XML.\n"
    )
    for room in _ROOMS:
        found = sorted(_errors_of(room), key=lambda error: (error.__module__, error.code, error.__name__))
        if found:
            title = f"`{room}.py`" if room == "errors" else f"`{room}/`"
            parts.append(f"## Raised in {title}\n")
            lines = ((code(each.code), str(each.status), code(each.sentence)) for each in found)
            parts.append(table(("code", "status", "sentence"), dict.fromkeys(lines)))
    return "\n".join(parts).rstrip() + "\n"


def _in_words(refusal: Refusal) -> str:
    return _WORDS.get(refusal, refusal.name.lower().replace("_", " "))


def _code(code_: str, status: int) -> str:
    return f"{code_} {status}"


def _errors_of(room: str) -> Iterator[type[AwsError]]:
    """The errors that a room defines; only what a program may be imported for is imported."""
    module = importlib.import_module(f"tabard.{room}")
    if hasattr(module, "__path__"):
        for found in pkgutil.walk_packages(module.__path__, f"tabard.{room}."):
            importlib.import_module(found.name)
    for error in _below(AwsError):
        if error.__module__.partition("tabard.")[2].partition(".")[0] == room:
            yield error


def _below(error: type[AwsError]) -> Iterator[type[AwsError]]:
    for each in error.__subclasses__():
        if each not in _MADE_BY_TABLE and not each.__name__.startswith("_") and "code" in vars(each):
            yield each
        if each not in _MADE_BY_TABLE:
            yield from _below(each)
