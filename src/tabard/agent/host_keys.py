"""A host's own key and certificate, and the authority that it trusts. They stay on the machine.

INVARIANT: the private key never leaves the machine. No other user can read its file.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tabard.durable_files import write_durably
from tabard.model.messages import EnrollHostResult
from tabard.model.network_path import RELAY_PROTOCOL
from tabard.private_folder import FolderNotPrivate, prepare_private_folder


class NotEnrolled(Exception):
    """The directory holds no usable enrollment. The message tells the operator why."""


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    """The public data of a machine's enrollment; no secret."""

    endpoint: str
    host_id: str
    instance_id: str
    region: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A P-256 key and its certificate request, both as PEM."""

    private_key: str = field(repr=False)
    certificate_request: str


def new_key(host_name: str) -> NewKey:
    """Make a key. The key signs its certificate request, which proves that the machine has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return NewKey(
        private_key=pem.decode("ascii"),
        certificate_request=request.public_bytes(serialization.Encoding.PEM).decode("ascii"),
    )


def request_of(private_key: str, host_name: str) -> NewKey:
    """Make the certificate request of an existing key. The same key means the same enrollment."""
    key = serialization.load_pem_private_key(private_key.encode("ascii"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NotEnrolled("the key in the directory is not an elliptic-curve key")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return NewKey(private_key, request.public_bytes(serialization.Encoding.PEM).decode("ascii"))


def trusting(ca_certificate: str) -> ssl.SSLContext:
    """Make a TLS context that trusts only this authority and presents no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca_certificate)
    return context


@dataclass(frozen=True, slots=True)
class HostDirectory:
    """The folder of a machine's enrollment (mode 0700; files of mode 0600)."""

    path: Path

    @property
    def _identity(self) -> Path:
        """Key and certificate, in one file so that both are replaced at once."""
        return self.path / "host.pem"

    @property
    def _first_key(self) -> Path:
        """The key with which the machine enrolls."""
        return self.path / "first-key.pem"

    @property
    def ca_certificate(self) -> Path:
        return self.path / "ca-certificate.pem"

    @property
    def _enrollment(self) -> Path:
        return self.path / "enrollment.json"

    def prepare(self) -> None:
        """Make the folder, readable only by us. Raises NotEnrolled if another user owns or can read it."""
        try:
            prepare_private_folder(self.path)
        except FolderNotPrivate as error:
            raise NotEnrolled(str(error)) from None

    @property
    def is_enrolled(self) -> bool:
        return self._enrollment.exists()

    def first_key(self, host_name: str) -> NewKey:
        """Return the key for enrolling. It is on disk before its first use: a retry uses the same key."""
        if self._first_key.exists():
            try:
                return request_of(self._first_key.read_text("ascii"), host_name)
            except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
                raise NotEnrolled(
                    f"{self._first_key} cannot be used ({type(error).__name__}); remove it, and enroll with "
                    "a new join token"
                ) from None
        made = new_key(host_name)
        write_durably(self._first_key, made.private_key)
        return made

    def keep(self, endpoint: str, ca_certificate: str, key: NewKey, enrolled: EnrollHostResult) -> Enrollment:
        """Write the results of enrolling; the enrollment record comes last."""
        enrollment = Enrollment(
            endpoint=endpoint,
            host_id=enrolled.host_id,
            instance_id=enrolled.instance_id,
            region=enrolled.region,
        )
        write_durably(self.ca_certificate, ca_certificate)
        self.keep_identity(key, enrolled.certificate)
        write_durably(self._enrollment, msgspec.json.encode(enrollment).decode())
        self._first_key.unlink(missing_ok=True)
        return enrollment

    def keep_identity(self, key: NewKey, certificate: str) -> None:
        """Replace key and certificate atomically."""
        write_durably(self._identity, key.private_key + certificate)

    def enrollment(self) -> Enrollment:
        """Read the enrollment from a folder that only we can write. Raises NotEnrolled.

        INVARIANT: a folder that others can write is refused. They could send the machine to their own edge.
        """
        if self.path.exists():
            self.prepare()
        try:
            return msgspec.json.decode(self._enrollment.read_bytes(), type=Enrollment)
        except FileNotFoundError:
            raise NotEnrolled(f"{self.path} holds no enrollment; give a join token") from None
        except (OSError, msgspec.DecodeError) as error:
            raise NotEnrolled(
                f"{self._enrollment} cannot be read: {type(error).__name__}; {self._start_over}"
            ) from None

    def authority_context(self) -> ssl.SSLContext:
        """Make a TLS context that trusts only the installation's edges. Raises NotEnrolled."""
        try:
            return trusting(self.ca_certificate.read_text("ascii"))
        except (OSError, ValueError):
            raise NotEnrolled(
                f"{self.ca_certificate} holds no certificate of an authority; {self._start_over}"
            ) from None

    @property
    def _start_over(self) -> str:
        return f"remove {self.path}, and enroll with a new join token"

    def relay_context(self) -> ssl.SSLContext:
        """Make the TLS context for applications' requests: it marks them as not the host's own.

        Raises NotEnrolled.
        """
        context = self.host_context()
        context.set_alpn_protocols([RELAY_PROTOCOL])
        return context

    def host_context(self) -> ssl.SSLContext:
        """Make the TLS context for the host's own requests, with its certificate. Raises NotEnrolled."""
        context = self.authority_context()
        try:
            context.load_cert_chain(self._identity)
        except (OSError, ssl.SSLError):
            raise NotEnrolled(
                f"{self._identity} holds no key with its certificate; {self._start_over}"
            ) from None
        return context
