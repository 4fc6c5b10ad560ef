"""Signature Version 4 against published vectors: aws-c-auth's suite and S3's worked examples.

Presigned requests are not accepted in this slice; what their vectors prove here is the canonical form alone.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tabard.sigv4.authorization import Authorization, Scope, parse_authorization
from tabard.sigv4.canonical import SignedRequest, canonical_request, string_to_sign
from tabard.sigv4.chunked import chunked_decoder
from tabard.sigv4.errors import HeadersNotSigned, SignatureDoesNotMatch
from tabard.sigv4.mismatch import mismatch_details
from tabard.sigv4.verify import check_signed_headers, signature_matches, signing_key

DATA = os.environ.get("TABARD_REFERENCE_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="TABARD_REFERENCE_DATA is not set: no reference data here")


@dataclass(frozen=True, slots=True)
class Vector:
    """One published case; expected values as they were published."""

    name: str
    mode: str
    secret: str
    region: str
    service: str
    normalize_path: bool
    token_unsigned: bool
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    canonical_request: str
    string_to_sign: str
    signature: str

    @property
    def request(self) -> SignedRequest:
        path, _, query = self.target.partition("?")
        return SignedRequest(self.method, path, query, self.headers)

    @property
    def payload_hash(self) -> str:
        return self.request.values.get("x-amz-content-sha256", sha256(self.body).hexdigest())

    @property
    def authorization(self) -> Authorization:
        return parse_authorization(self.request.values["authorization"])


def _vector(raw: Mapping[str, object]) -> Vector:
    request, credentials = raw["request"], raw["credentials"]
    assert isinstance(request, dict)
    assert isinstance(credentials, dict)
    body = request["body"].encode() if "body" in request else base64.b64decode(request["body_b64"])
    return Vector(
        name=str(raw["id"]),
        mode=str(raw["mode"]),
        secret=credentials["secret_access_key"],
        region=str(raw["region"]),
        service=str(raw["service"]),
        normalize_path=bool(raw["uri_normalize"]),
        token_unsigned=bool(raw.get("omit_session_token")),
        method=request["method"],
        target=request["target"],
        headers=tuple((name.lower(), value) for name, value in request["headers"]),
        body=body,
        canonical_request=str(raw.get("canonical_request", "")),
        string_to_sign=str(raw.get("string_to_sign", "")),
        signature=str(raw.get("signature", "")),
    )


def _vectors(*modes: str) -> list[object]:
    if not DATA:
        return [pytest.param(None, id="no-data")]
    found = []
    for file in ("aws-c-auth-v4.json", "s3-docs.json"):
        for raw in json.loads((Path(DATA) / "sigv4" / file).read_text(encoding="utf-8")):
            vector = _vector(raw)
            if vector.mode in modes:
                found.append(pytest.param(vector, id=vector.name))
    assert found
    return found


@pytest.mark.parametrize("vector", _vectors("header", "header-streaming"))
def test_a_signed_request_is_verified_as_published(vector: Vector) -> None:
    request, authorization = vector.request, vector.authorization
    details = mismatch_details(
        request, authorization, vector.payload_hash, normalize_path=vector.normalize_path
    )
    if vector.canonical_request:
        assert details.canonical_request.decode() == vector.canonical_request
        assert details.string_to_sign.decode() == vector.string_to_sign
        assert authorization.signature == vector.signature
    key = signing_key(vector.secret, authorization.scope)
    assert key.signature(details.string_to_sign) == authorization.signature
    verified = signature_matches(
        request, authorization, key, vector.payload_hash, normalize_path=vector.normalize_path
    )
    # Tabard wants the session token signed for every service; AWS lets some add it afterwards.
    assert verified is not vector.token_unsigned
    if vector.token_unsigned:
        with pytest.raises((HeadersNotSigned, SignatureDoesNotMatch)):
            check_signed_headers(request, authorization)
    else:
        check_signed_headers(request, authorization)
        wrong = authorization._replace(signature="0" * 64)
        assert not signature_matches(
            request, wrong, key, vector.payload_hash, normalize_path=vector.normalize_path
        )


@pytest.mark.parametrize("vector", _vectors("header-streaming"))
def test_a_chunked_upload_is_decoded_as_published(vector: Vector) -> None:
    key = signing_key(vector.secret, vector.authorization.scope)
    decoder = chunked_decoder(vector.request, vector.authorization, key)
    assert decoder is not None
    content = b"".join(decoder.feed(vector.body))
    assert len(content) == int(vector.request.values["x-amz-decoded-content-length"])
    assert decoder.finish() == {}


@pytest.mark.parametrize("vector", _vectors("query"))
def test_a_presigned_request_has_the_published_canonical_form(vector: Vector) -> None:
    path, _, query = vector.target.partition("?")
    parts = query.split("&")
    fields = dict(part.partition("=")[::2] for part in parts)
    unsigned_parts = ["X-Amz-Signature="]
    if vector.token_unsigned:
        unsigned_parts.append("X-Amz-Security-Token=")
    kept = "&".join(part for part in parts if not part.startswith(tuple(unsigned_parts)))
    payload_hash = "UNSIGNED-PAYLOAD" if vector.service == "s3" else vector.payload_hash
    made = canonical_request(
        SignedRequest(vector.method, path, kept, vector.headers),
        tuple(fields["X-Amz-SignedHeaders"].split("%3B")),
        payload_hash,
        normalize_path=vector.normalize_path,
    )
    assert made.decode() == vector.canonical_request
    scope = Scope(fields["X-Amz-Date"][:8], vector.region, vector.service)
    text = string_to_sign(fields["X-Amz-Date"], scope, made)
    assert text.decode() == vector.string_to_sign
    assert signing_key(vector.secret, scope).signature(text) == vector.signature == fields["X-Amz-Signature"]
