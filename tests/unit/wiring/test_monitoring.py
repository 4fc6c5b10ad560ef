"""Where health and metrics may be, with which certificate, and by which names."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from tabard.wiring.bootstrap import SettingsConflict
from tabard.wiring.listeners import PortInUse
from tabard.wiring.metrics_tls import MetricsTls
from tabard.wiring.monitoring import Monitoring, authorities_of
from tabard.wiring.settings import Settings

Files = tuple[Path, Path]
MakeFiles = Callable[..., Files]


@pytest.fixture
def make_files(tmp_path: Path) -> MakeFiles:
    """Writes a self-signed certificate and its key; again in the same place where it is called again."""

    def make(*names: str, days: float = 30, passphrase: bytes | None = None) -> Files:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "metrics")])
        now = datetime.now(UTC)
        named: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(each)) if each[0].isdigit() else x509.DNSName(each) for each in names
        ]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(named), critical=False)
            .sign(key, hashes.SHA256())
        )
        protection = (
            serialization.NoEncryption()
            if passphrase is None
            else serialization.BestAvailableEncryption(passphrase)
        )
        files = tmp_path / "metrics.pem", tmp_path / "metrics.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        )
        return files

    return make


@asynccontextmanager
async def monitoring(**given: object) -> AsyncIterator[Monitoring]:
    made = Monitoring(Settings(**{"health_port": 0, **given}))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def status_of(made: Monitoring, host: str, trusted: Path | None = None) -> int:
    """The status of `GET /metrics` for a Host of that name."""
    port = int(made.url.rpartition(":")[2])
    context = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=None if context is None else "tabard.example"
    )
    writer.write(f"GET /metrics HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ")[1])


async def test_by_default_it_is_on_loopback_by_its_address_alone() -> None:
    async with monitoring() as made:
        assert made.url.startswith("http://127.0.0.1:")
        assert [await status_of(made, host) for host in ("127.0.0.1", "localhost", "evil.example")] == [
            200,
            421,
            421,
        ]


async def test_with_a_certificate_it_is_tls_and_answers_to_the_names_in_it(make_files: MakeFiles) -> None:
    certificate, key = make_files("tabard.example", "*.wild.example", "192.0.2.7")
    async with monitoring(
        metrics_address="0.0.0.0:0", metrics_tls_certificate=certificate, metrics_tls_key=key
    ) as made:
        assert made.url.startswith("https://127.0.0.1:")
        hosts = ("tabard.example", "TABARD.example", "192.0.2.7", "localhost", socket.gethostname())
        assert {await status_of(made, host, certificate) for host in hosts} == {200}
        for stranger in ("evil.example", "a.wild.example", "192.0.2.8"):
            assert await status_of(made, stranger, certificate) == 421


@pytest.mark.parametrize(
    ("port", "secure", "hosts"),
    [
        (443, True, {"tabard.example", "tabard.example:443", "[::1]", "[::1]:443"}),
        (443, False, {"tabard.example:443", "[::1]:443"}),
        (80, False, {"tabard.example", "tabard.example:80", "[::1]", "[::1]:80"}),
        (4581, True, {"tabard.example:4581", "[::1]:4581"}),
    ],
)
def test_only_the_default_port_may_be_left_out_of_the_host(port: int, secure: bool, hosts: set[str]) -> None:
    assert authorities_of({"Tabard.example", "::1"}, port, secure=secure) == hosts


async def test_another_certificate_in_the_same_files_is_taken_up(make_files: MakeFiles) -> None:
    tls = MetricsTls.of(*make_files("tabard.example", days=2))
    first = tls.expires_at
    assert not tls.reload_if_changed()
    files = make_files("other.example", days=90)
    assert tls.reload_if_changed()
    assert tls.expires_at > first
    assert tls.names == ("other.example",)
    files[1].write_text("half of a key")
    with pytest.raises(ssl.SSLError):
        tls.reload_if_changed()
    assert tls.names == ("other.example",)


async def test_the_expiry_of_its_certificate_is_in_health_and_metrics(make_files: MakeFiles) -> None:
    certificate, key = make_files("tabard.example", days=0.5)
    async with monitoring(metrics_tls_certificate=certificate, metrics_tls_key=key) as made:
        health = await made.monitor.health()
        assert "the certificate metrics expires within a day, or has expired" in health["reasons"]
        assert b'tabard_certificate_expiry_timestamp_seconds{certificate="metrics"} ' in (
            await made.monitor.metrics()
        )


@pytest.mark.parametrize("damage", ["missing", "another key", "no certificate", "passphrase"])
def test_files_that_cannot_be_used_are_refused_with_their_names(make_files: MakeFiles, damage: str) -> None:
    certificate, key = make_files("tabard.example", passphrase=b"secret" if damage == "passphrase" else None)
    if damage == "missing":
        key.unlink()
    elif damage == "another key":
        former = certificate.read_bytes()
        make_files("tabard.example")
        certificate.write_bytes(former)
    elif damage == "no certificate":
        certificate.write_text("nothing")
    with pytest.raises(
        SettingsConflict, match=r"metrics_tls_certificate .*metrics.pem and .* cannot be used"
    ):
        MetricsTls.of(certificate, key)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"metrics_address": "192.0.2.1:4581"}, "is not a loopback address and there is no TLS"),
        ({"metrics_address": "[::]:4581"}, "is not a loopback address and there is no TLS"),
        ({"metrics_address": "127.0.0.1"}, "ADDRESS:PORT"),
        ({"metrics_address": "localhost:4581"}, "ADDRESS:PORT"),
        ({"metrics_address": "127.0.0.1:65536"}, "ADDRESS:PORT"),
        ({"metrics_address": "127.0.0.1:-1"}, "ADDRESS:PORT"),
        ({"metrics_tls_key": "key.pem"}, "set together or not at all"),
        ({"log_format": "xml"}, "'json' or 'text'"),
    ],
)
def test_what_cannot_be_safe_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings(**given)


@pytest.mark.parametrize(
    ("given", "listener"),
    [
        ({}, ("127.0.0.1", 4581)),
        ({"health_port": 9}, ("127.0.0.1", 9)),
        ({"metrics_address": "[::1]:9"}, ("::1", 9)),
        ({"metrics_address": "192.0.2.1:9", "insecure_http": True}, ("192.0.2.1", 9)),
        (
            {"metrics_address": "192.0.2.1:9", "metrics_tls_certificate": "c", "metrics_tls_key": "k"},
            ("192.0.2.1", 9),
        ),
    ],
)
def test_where_it_listens(given: dict[str, object], listener: tuple[str, int]) -> None:
    assert Settings(**given).metrics_listener == listener


@pytest.mark.parametrize("option", ["--health-port", "--metrics-address"])
def test_a_port_in_use_is_named_by_its_option(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = (
            {"health_port": port} if option == "--health-port" else {"metrics_address": f"127.0.0.1:{port}"}
        )
        with pytest.raises(PortInUse, match=option):
            Monitoring(Settings(**given))


def test_no_secret_is_in_its_repr(make_files: MakeFiles) -> None:
    certificate, key = make_files("tabard.example")
    assert key.read_text().splitlines()[1] not in repr(MetricsTls.of(certificate, key))
    assert os.fspath(key) in repr(MetricsTls.of(certificate, key))
