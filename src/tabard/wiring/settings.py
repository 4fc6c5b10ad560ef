"""The settings of an operator, by an option of `tabard up` or by a `TABARD_*` variable."""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tabard.agent.networks.allowed import AllowedAddress, parse_allowed_text
from tabard.durations import parse_duration
from tabard.names import ACCOUNT_ID
from tabard.wiring.data_dir import default_data_dir

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionForm:
    """The form of a setting's option, as far as its type does not determine it.

    exists: a secret has no option. repeated: the option may be given several times.
    """

    metavar: str = ""
    exists: bool = True
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class DurationIn:
    """Reads `6h` as a number of units. A bare number counts units: the setting's name ends in their name."""

    unit: timedelta

    def __call__(self, value: object) -> object:
        """Raises ValueError with a sentence for the operator."""
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            return parse_duration(value) / self.unit
        return value


_IN_SECONDS = BeforeValidator(DurationIn(timedelta(seconds=1)))
_IN_DAYS = BeforeValidator(DurationIn(timedelta(days=1)))


def _account_id(value: str) -> str:
    if not ACCOUNT_ID.fullmatch(value):
        raise ValueError("an account id has twelve digits")
    return value


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise ValueError("a region is written like us-east-1")
    return value


def _allowed(value: str) -> str:
    parse_allowed_text(value)
    return value


def _metrics_address(value: str) -> str:
    if value:
        _address_and_port(value)
    return value


def _address_and_port(value: str) -> tuple[str, int]:
    """Raises ValueError with a sentence for the operator."""
    address, colon, port = value.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    try:
        ip_address(address)
    except ValueError:
        colon = ""
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("it is written ADDRESS:PORT, like 127.0.0.1:4581 or [::1]:4581")
    return address, int(port)


ResolvedPath = Annotated[Path, AfterValidator(lambda value: value.expanduser().resolve())]
FilePath = Annotated[Path, AfterValidator(lambda value: value.expanduser().absolute())]


ENVIRONMENT_PREFIX = "TABARD_"


def _is_beyond_loopback(address: str) -> bool:
    try:
        return not ip_address(address).is_loopback
    except ValueError:  # a name can resolve to any address
        return True


class Settings(BaseSettings):
    """Settings of one installation. Each is declared here alone: options, help and documents follow."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    data_dir: FilePath = Field(
        default_factory=default_data_dir, description="where the state is kept (mode 0700)"
    )
    ephemeral: bool = Field(
        default=False, description="keep the state in a folder that goes when Tabard ends"
    )
    address: str = Field(default="127.0.0.1", description="the address the edge listens on")
    port: int = Field(default=4580, ge=0, le=65535, description="the edge's port; 0 picks a free one")
    host_address: str = Field(
        default="127.0.0.1", description="the address the edge listens on for other machines, over TLS"
    )
    host_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="the port for other machines (enrolled hosts and their applications), over TLS; unset: "
        "none; 0 picks a free one",
    )
    health_port: int = Field(
        default=4581,
        ge=0,
        le=65535,
        description="the port of health and metrics, on loopback; 0 picks a free one",
    )
    metrics_address: Annotated[str, AfterValidator(_metrics_address), OptionForm(metavar="ADDRESS:PORT")] = (
        Field(
            default="",
            description="ADDRESS:PORT of health and metrics, in place of loopback and health_port",
        )
    )
    metrics_tls_certificate: FilePath | None = Field(
        default=None, description="the certificate (PEM, with its chain) of health and metrics"
    )
    metrics_tls_key: FilePath | None = Field(
        default=None, description="the private key (PEM) of that certificate"
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="logs of all processes: JSON lines, or text for people"
    )
    edges: int = Field(default=1, ge=1, le=64, description="how many edge processes share the port")
    account_id: Annotated[str, AfterValidator(_account_id)] = Field(
        default="111122223333", description="the account id of this installation, fixed at the first start"
    )
    region: Annotated[str, AfterValidator(_region)] = Field(
        default="us-east-1", description="the home region, fixed at the first start"
    )
    admin_access_key_id: Annotated[str, OptionForm(exists=False)] = Field(
        default="", description="the admin's key id; empty makes a random one"
    )
    admin_secret_access_key: Annotated[SecretStr, OptionForm(exists=False)] = Field(
        default=SecretStr(""), description="the admin's secret; empty makes a random one"
    )
    root_access_key: bool = Field(
        default=False, description="whether the account's root has a key (random, in root.json)"
    )
    organization_file: FilePath | None = Field(
        default=None,
        description="the organization this account is in, put in force at each start (TOML or JSON)",
    )
    session_lifetime_seconds: Annotated[int, _IN_SECONDS] = Field(
        default=6 * 3600, ge=1200, le=12 * 3600, description="how long an instance's session lives"
    )
    rotate_every_seconds: Annotated[float, _IN_SECONDS] = Field(
        default=0, ge=0, description="change instances' keys at this pace; 0 is half of the lifetime"
    )
    store_outage_bound_seconds: Annotated[int, _IN_SECONDS] = Field(
        default=3600, ge=1, le=43200, description="how long edges go on deciding while the store is away"
    )
    audit_kept_days: Annotated[int, _IN_DAYS] = Field(
        default=90, ge=1, le=3650, description="how long the audit keeps its events"
    )
    audit_limit_megabytes: int = Field(
        default=1024,
        ge=1,
        le=1_048_576,
        description="how many megabytes the events of the audit may take; the oldest go first",
    )
    upstream_timeout_seconds: Annotated[float, _IN_SECONDS] = Field(
        default=30,
        ge=1,
        description="how long an upstream may be silent before 503 is answered (an SQS long poll: 20s)",
    )
    revoke_on_disassociate: bool = Field(
        default=False,
        description="end an instance's sessions when its instance profile is taken away; EC2 does not",
    )
    revoke_on_terminate: bool = Field(
        default=True, description="end an instance's sessions when it is terminated; EC2 does not"
    )
    container_images: ResolvedPath | None = Field(
        default=None,
        description="a folder of root file systems: each folder in it is an image to launch containers from",
    )
    launch_uid: int | None = Field(default=None, ge=1, description="the uid that instances' processes run as")
    launch_gid: int | None = Field(default=None, ge=1, description="the gid that instances' processes run as")
    vm_image: FilePath | None = Field(
        default=None,
        description="the folder of the image that virtual machines are booted from: disk.raw or disk.qcow2, "
        "vmlinuz, initrd",
    )
    allow_address: Annotated[
        str, AfterValidator(_allowed), OptionForm(metavar="ADDRESS:PORT", repeated=True)
    ] = Field(
        default="",
        description="what instances with a network of their own may reach beside the edge, over TCP: "
        "ADDRESS:PORT, several separated by commas",
    )
    insecure_http: bool = Field(default=False, description="allow to listen beyond loopback without TLS")
    isolate_upstreams: bool = Field(
        default=True,
        description="run the embedded upstreams in a network namespace of their own, where that works",
    )

    @property
    def session_lifetime(self) -> timedelta:
        return timedelta(seconds=self.session_lifetime_seconds)

    @property
    def rotate_every(self) -> timedelta | None:
        return timedelta(seconds=self.rotate_every_seconds) if self.rotate_every_seconds else None

    @property
    def allowed_addresses(self) -> tuple[AllowedAddress, ...]:
        return parse_allowed_text(self.allow_address)

    @property
    def edge_names(self) -> tuple[str, ...]:
        """Return the names of the edge processes."""
        return tuple(f"edge-{number}" for number in range(self.edges))

    @property
    def listens_beyond_loopback(self) -> bool:
        return _is_beyond_loopback(self.address)

    @property
    def metrics_listener(self) -> tuple[str, int]:
        """Return the address and the port of health and metrics."""
        return (
            _address_and_port(self.metrics_address)
            if self.metrics_address
            else ("127.0.0.1", self.health_port)
        )

    @property
    def addresses_of_strangers(self) -> tuple[str, ...]:
        """Return the addresses beyond loopback on which an edge listens, with or without TLS."""
        addresses = (self.address,) if self.host_port is None else (self.address, self.host_address)
        return tuple(address for address in addresses if _is_beyond_loopback(address))

    @property
    def process_driver_refused(self) -> str:
        """Return why RunInstances cannot launch processes; empty if it can."""
        if not self.addresses_of_strangers or self.launch_uid is not None:
            return ""
        return (
            f"the edge listens on {self.addresses_of_strangers[0]}, beyond loopback, and an instance would "
            "run as the server's own user; set launch_uid and launch_gid, or listen on loopback"
        )

    def launch_uid_refused(self, *, own_uid: int) -> str:
        """Return why a server that runs as `own_uid` cannot launch as the configured uid; empty if it can."""
        if own_uid == 0 or self.launch_uid in (None, own_uid):
            return ""
        return (
            f"only root can run instances as another user: launch_uid is {self.launch_uid}, ours is {own_uid}"
        )

    @model_validator(mode="after")
    def _refuse_what_cannot_work(self) -> Self:
        if self.listens_beyond_loopback and not self.insecure_http:
            raise ValueError(
                f"{self.address} is not a loopback address and there is no TLS; "
                "put a TLS proxy in front, or say --insecure-http"
            )
        if (self.metrics_tls_certificate is None) != (self.metrics_tls_key is None):
            raise ValueError("metrics_tls_certificate and metrics_tls_key are set together or not at all")
        metrics_address, _ = self.metrics_listener
        has_tls = self.metrics_tls_certificate is not None
        if _is_beyond_loopback(metrics_address) and not (has_tls or self.insecure_http):
            raise ValueError(
                f"metrics_address {metrics_address} is not a loopback address and there is no TLS; "
                "set metrics_tls_certificate and metrics_tls_key, or say --insecure-http"
            )
        if bool(self.admin_access_key_id) != bool(self.admin_secret_access_key.get_secret_value()):
            raise ValueError("the admin's key id and secret are set together or not at all")
        if 0 < self.rotate_every_seconds < 1:
            raise ValueError("rotate_every_seconds is 0, or 1 at least")
        if (self.launch_uid is None) != (self.launch_gid is None):
            raise ValueError("launch_uid and launch_gid are set together or not at all")
        return self
