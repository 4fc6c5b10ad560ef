"""Reads an instance's metadata as any HTTP client would, without an SDK."""

import urllib.error
import urllib.request

TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"


def ask(endpoint: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and body of one request; `headers` by names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{endpoint}{path}", method=method, headers=named)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def metadata_token(endpoint: str, *, ttl_seconds: int = 60) -> str:
    """A new metadata token."""
    status, token = ask(
        endpoint, "/latest/api/token", "PUT", **{TTL_HEADER.replace("-", "_"): str(ttl_seconds)}
    )
    assert status == 200, (status, token)
    return token


def with_token(endpoint: str, path: str) -> tuple[int, str]:
    """A read as version 2 has it: token first."""
    return ask(endpoint, path, **{TOKEN_HEADER.replace("-", "_"): metadata_token(endpoint)})
