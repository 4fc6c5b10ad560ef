"""A client of one system, as one principal. Commands and tests use it, like any AWS client.

INVARIANT: whatever the shell, a profile or a configuration file names, no request of ours leaves for another
endpoint than the system's. Every botocore client is made with that endpoint, and a request to another one is
stopped before it is sent.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import botocore.session
import botocore.utils
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from tabard.administration.call_errors import CallFailed, ClientUnusable
from tabard.model.message_json import (
    CONTENT_TYPE,
    MessageUnreadable,
    decode_error,
    decode_message,
    encode_message,
)
from tabard.model.messages import Message
from tabard.model.own_services import OWN_SERVICES

HOSTS = "hosts"
TABARD = "tabard"
_SERVICES = frozenset({"iam", "sts", "ec2", "s3", "dynamodb", "sqs"})
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 65.0

M = TypeVar("M", bound=Message)


class OneEndpointSession(botocore.session.Session):  # type: ignore[misc]
    """A botocore session whose every client, those of its credential providers too, has one endpoint."""

    def __init__(self, *, profile: str | None = None) -> None:
        super().__init__(profile=profile)
        self.endpoint = ""
        self.register("before-send", self._refuse_other_endpoint)

    def create_client(self, service_name: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - untyped
        """Make a client of the one endpoint. Raises ClientUnusable for a service that is AWS's alone."""
        if service_name not in _SERVICES:
            raise ClientUnusable(
                f"these credentials come from AWS's own service {service_name}, and tabard never calls AWS; "
                "use keys or a role of the system that you call"
            )
        if is_on_loopback(self.endpoint):  # no proxy knows this machine's loopback, whatever the shell says
            config = options.get("config") or Config()
            options["config"] = config.merge(Config(proxies={}))
        return super().create_client(service_name, *args, **{**options, "endpoint_url": self.endpoint})

    def _refuse_other_endpoint(self, request: Any, **_: object) -> None:  # noqa: ANN401 - untyped
        if _origin(request.url) != _origin(self.endpoint):
            raise ClientUnusable(
                f"tabard did not send a request to {urlsplit(request.url).netloc}, because that is not the "
                "system's endpoint"
            )


class ReloadedKey(Credentials):  # type: ignore[misc]
    """A long-term key that its owner may replace at any time: it is read for each request."""

    def __init__(self, read: Callable[[], tuple[str, str]]) -> None:
        super().__init__(*read())
        self._read = read

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the key as it is now."""
        return ReadOnlyCredentials(*self._read(), None)


@dataclass(frozen=True, slots=True)
class _OneKey:
    """Stands for botocore's chain of credential providers."""

    read: Callable[[], tuple[str, str]] = field(repr=False)

    def load_credentials(self) -> ReloadedKey:
        return ReloadedKey(self.read)


@dataclass(frozen=True, kw_only=True)
class SystemClient:
    """Asks one system as one principal.

    `own_settings`: the shell's AWS settings (proxies, CA bundle, retries) hold too; else none of them does.
    """

    endpoint: str
    region: str
    session: OneEndpointSession = field(repr=False)
    own_settings: bool

    def client(self, service: str) -> Any:  # noqa: ANN401 - botocore has no types
        """Return a botocore client of an AWS service. Raises ClientUnusable."""
        if self.own_settings:
            return self.session.create_client(service, region_name=self.region)
        with aws_settings_hidden():
            # The endpoint is ours: no proxy and no variable of the shell's may redirect it.
            config = Config(proxies={}, retries={"mode": "standard"})
            return self.session.create_client(service, region_name=self.region, config=config)

    @cached_property
    def principal_arn(self) -> str:
        """Return the caller's ARN, as the system knows it. Raises ClientUnusable, CallFailed."""
        with _failures("GetCallerIdentity", self.endpoint):
            return str(self.client("sts").get_caller_identity()["Arn"])

    def call(self, operation: str, request: Message, answer: type[M], *, service: str = HOSTS) -> M:
        """Ask one of our own services. Raises ClientUnusable, CallFailed."""
        body = self.send(operation, request, service=service)
        try:
            return decode_message(body, answer)
        except MessageUnreadable as error:
            raise CallFailed(operation=operation, code="Unreachable", message=str(error)) from error

    def send(self, operation: str, request: Message, *, service: str = HOSTS) -> bytes:
        """Return the same, for an operation that answers nothing; the body of the answer."""
        plain = AWSRequest(
            method="POST",
            url=f"{self.endpoint.rstrip('/')}/",
            data=encode_message(request),
            headers={
                "content-type": CONTENT_TYPE,
                "x-amz-target": f"{OWN_SERVICES[service].target_prefix}.{operation}",
            },
        )
        with _failures(operation, self.endpoint):
            credentials = self.session.get_credentials()
            if credentials is None:
                raise ClientUnusable("there are no AWS credentials")
            SigV4Auth(credentials.get_frozen_credentials(), service, self.region).add_auth(plain)
            answer = self._http.send(plain.prepare())
        if answer.status_code != 200:
            code, message = decode_error(answer.content)
            raise CallFailed(
                operation=operation,
                code=code or "Unreachable",
                message=message or f"the answer is HTTP {answer.status_code} without an AWS error",
                status=answer.status_code,
            )
        return bytes(answer.content)

    @cached_property
    def _http(self) -> URLLib3Session:
        timeout = (_CONNECT_SECONDS, _ANSWER_SECONDS)
        if not self.own_settings:
            return URLLib3Session(timeout=timeout, proxies={})
        bundle = self.session.get_config_variable("ca_bundle")
        proxies = {} if is_on_loopback(self.endpoint) else botocore.utils.get_environ_proxies(self.endpoint)
        return URLLib3Session(timeout=timeout, verify=bundle or True, proxies=proxies)


def client_of_key(endpoint: str, region: str, read_key: Callable[[], tuple[str, str]]) -> SystemClient:
    """Return a client with a long-term key, which heeds no AWS setting of the shell.

    Args:
        read_key: the key's id and secret, as they are now.
    """
    with aws_settings_hidden():
        session = OneEndpointSession()
        session.endpoint = endpoint
        session.register_component("credential_provider", _OneKey(read_key))
        session.get_scoped_config()  # read now, while nothing of the shell's is seen
    return SystemClient(endpoint=endpoint, region=region, session=session, own_settings=False)


@contextmanager
def aws_settings_hidden() -> Iterator[None]:
    """Take AWS's variables and files out of sight of botocore, which reads them in this process."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    added = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def _failures(operation: str, endpoint: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        raise CallFailed(
            operation=operation,
            code=str(said.get("Code", "")),
            message=str(said.get("Message", "")),
            status=int(error.response["ResponseMetadata"]["HTTPStatusCode"]),
        ) from error
    except BotoCoreError as error:
        raise CallFailed(operation=operation, code="Unreachable", message=f"{endpoint}: {error}") from error


def is_on_loopback(endpoint: str) -> bool:
    """Return whether an endpoint is at an address of loopback, or at `localhost`."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
