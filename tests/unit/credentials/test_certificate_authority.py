"""The installation's certificate authority: what it issues, and what it reads."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from tabard.credentials.certificate_authority import (
    CA_CERTIFICATE,
    CA_SEALED_KEY,
    CertificateAuthority,
    CertificateRequestUnusable,
    key_fingerprint,
    new_certificate_authority,
    open_certificate_authority,
    read_certificate_request,
    read_host_certificate,
)
from tabard.credentials.certificate_keys import seal_private_key
from tabard.model.messages import EDGE_NAME
from tests.support.aggregates import host
from tests.support.memory_store import ClearVault

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
VAULT = ClearVault()
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def authority() -> CertificateAuthority:
    facts = new_certificate_authority(VAULT, account_id="111122223333", now=NOW)
    return open_certificate_authority(facts, VAULT)


def request_for(key: Key) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "h-of-somebody-else")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def test_a_host_certificate_names_the_host_whatever_its_request_names() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = read_certificate_request(request_for(key))
    ca = authority()
    issued = x509.load_pem_x509_certificate(ca.issue_to_host(host(), request, now=NOW).encode())
    issued.verify_directly_issued_by(ca.certificate)
    read = read_host_certificate(issued.public_bytes(serialization.Encoding.DER))
    assert read is not None
    assert read.host_id == host().host_id
    assert read.key_fingerprint == request.fingerprint == key_fingerprint(key.public_key())
    assert read.not_after == NOW + timedelta(days=30)
    usage = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_an_edge_certificate_has_the_name_of_all_edges_and_its_addresses() -> None:
    ca = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    pem = ca.issue_to_edge(key.public_key(), addresses=("127.0.0.1", "box", "::1"), now=NOW)
    issued = x509.load_pem_x509_certificate(pem.encode())
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [EDGE_NAME, "box"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]
    verifier = PolicyBuilder().store(Store([ca.certificate])).time(NOW)
    assert verifier.build_server_verifier(x509.DNSName(EDGE_NAME)).verify(issued, []) == [
        issued,
        ca.certificate,
    ]
    with pytest.raises(x509.verification.VerificationError):
        verifier.build_client_verifier().verify(issued, [])


def test_only_its_own_master_key_opens_the_authority() -> None:
    facts = dict(new_certificate_authority(VAULT, account_id="111122223333", now=NOW))
    ca = open_certificate_authority(facts, VAULT)
    assert len(ca.fingerprint) == 64
    assert ca.pem == facts[CA_CERTIFICATE]
    assert "PrivateKey" not in repr(ca)
    of_no_curve = seal_private_key(
        rsa.generate_private_key(public_exponent=65537, key_size=2048), VAULT, label=CA_SEALED_KEY
    )
    for wrong in ({}, {**facts, CA_SEALED_KEY: None}, {**facts, CA_SEALED_KEY: "AAAA"}):
        with pytest.raises(ValueError, match=r"authority|sealed"):
            open_certificate_authority(wrong, VAULT)
    with pytest.raises(ValueError, match="no curve"):
        open_certificate_authority({**facts, CA_SEALED_KEY: of_no_curve}, VAULT)


def test_a_request_has_to_prove_its_own_key_on_p_256() -> None:
    good = request_for(ec.generate_private_key(ec.SECP256R1()))
    other = ec.generate_private_key(ec.SECP256R1())
    der = bytearray(x509.load_pem_x509_csr(good.encode()).public_bytes(serialization.Encoding.DER))
    point = (
        x509.load_pem_x509_csr(good.encode())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    at = der.find(point)
    der[at : at + len(point)] = other.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    stolen = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    refused = {
        stolen: "signed with the key",
        "": "no PKCS",
        "nonsense": "no PKCS",
        good + " " * 4096: "signed with",
        "é": "no PKCS",
        request_for(rsa.generate_private_key(public_exponent=65537, key_size=2048)): "P-256",
        request_for(ec.generate_private_key(ec.SECP384R1())): "P-256",
    }
    for pem, reason in refused.items():
        with pytest.raises(CertificateRequestUnusable, match=reason):
            read_certificate_request(pem)


def test_a_certificate_without_a_host_identifies_nobody() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tabard")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    assert read_host_certificate(certificate.public_bytes(serialization.Encoding.DER)) is None
