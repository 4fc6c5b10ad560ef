"""The TLS side of the listener for health and metrics: a certificate and a key from the operator's files."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from tabard.wiring.bootstrap import SettingsConflict

Stamp = tuple[int, int, int, int]


@dataclass(slots=True, kw_only=True)
class MetricsTls:
    """A TLS context that loads changed certificate files for later connections."""

    certificate_path: Path
    key_path: Path
    context: ssl.SSLContext = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    _loaded: Stamp

    @classmethod
    def of(cls, certificate_path: Path, key_path: Path) -> "MetricsTls":
        """Load both files. Raises SettingsConflict if they are unusable."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            loaded = _stamp_of(certificate_path, key_path)
            certificate = _load(context, certificate_path, key_path)
        except (OSError, ValueError) as error:
            raise SettingsConflict(
                f"metrics_tls_certificate {certificate_path} and metrics_tls_key {key_path} cannot be used: "
                f"{error}"
            ) from error
        return cls(
            certificate_path=certificate_path,
            key_path=key_path,
            context=context,
            certificate=certificate,
            _loaded=loaded,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names and addresses of the certificate, without wildcards."""
        try:
            extension = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return ()
        names = extension.value.get_values_for_type(x509.DNSName)
        addresses = extension.value.get_values_for_type(x509.IPAddress)
        return tuple(name.lower() for name in (*names, *map(str, addresses)) if "*" not in name)

    @property
    def expires_at(self) -> float:
        """Return the UNIX time of the certificate's expiry."""
        return self.certificate.not_valid_after_utc.timestamp()

    def reload_if_changed(self) -> bool:
        """Load the files again if they changed. Raises OSError or ValueError; then the former ones stay."""
        stamp = _stamp_of(self.certificate_path, self.key_path)
        if stamp == self._loaded:
            return False
        # Load the pair into another context first, so that a half-written pair changes nothing.
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.certificate_path, self.key_path)
        self.certificate = _load(self.context, self.certificate_path, self.key_path)
        self._loaded = stamp
        return True


def _load(context: ssl.SSLContext, certificate_path: Path, key_path: Path) -> x509.Certificate:
    # A key with a passphrase is an error, because nobody can type it.
    context.load_cert_chain(certificate_path, key_path, password=lambda: "")
    return x509.load_pem_x509_certificate(certificate_path.read_bytes())


def _stamp_of(certificate_path: Path, key_path: Path) -> Stamp:
    certificate, key = certificate_path.stat(), key_path.stat()
    return certificate.st_mtime_ns, certificate.st_ino, key.st_mtime_ns, key.st_ino
