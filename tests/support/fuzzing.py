"""What must hold whatever bytes come: `make fuzz` searches for bytes with atheris, the gate with hypothesis.

python -m tests.support.fuzzing documents|patterns [atheris's options]
"""

import sys
from collections.abc import Callable
from itertools import chain

from tabard.policy import (
    AccessRequest,
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    Statement,
    StatementEffect,
    compile_policies,
    context_keys,
    decide,
    denial_sentence,
    explain,
    parse_document,
    statement_spans,
)
from tabard.policy.arn_pattern import ResourcePattern
from tabard.policy.automaton import Automaton
from tabard.policy.pattern import contextual, matcher, tokens

ACCOUNT = "123456789012"
ALICE = PolicyPrincipal(arn=f"arn:aws:iam::{ACCOUNT}:user/alice", account_id=ACCOUNT, kind=PrincipalKind.USER)
CONTEXT = RequestContext.of(
    {
        "aws:username": "alice",
        "aws:SourceIp": "203.0.113.9",
        "aws:CurrentTime": "2026-01-01T00:00:00Z",
        "aws:SecureTransport": "true",
        "aws:TagKeys": ["a", "b"],
        "aws:SourceArn": "arn:aws:s3:::b",
        "s3:max-keys": "10",
    }
)
REQUESTS = [
    AccessRequest(action, resource, ALICE, CONTEXT)
    for action, resource in [
        ("s3:GetObject", "arn:aws:s3:::b/a:b\nc"),
        ("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q"),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/web"),
        ("ec2:DescribeInstances", "*"),
    ]
]


def one_document(data: bytes) -> None:
    """Any bytes are a document, or are refused as malformed; what is a document decides and explains."""
    text = data.decode("utf-8", "replace")
    for kind in DocumentKind:
        try:
            document = parse_document(text, kind=kind)
        except MalformedPolicyDocument:
            continue
        assert len(statement_spans(text)) == len(document.statements)
        keys = context_keys([document])
        assert len({key.lower() for key in keys}) == len(keys)
        policies = compile_policies([NamedDocument("fuzzed", document)])
        names_principals = kind in (DocumentKind.TRUST, DocumentKind.RESOURCE)
        nothing = compile_policies([])
        layers = PolicyLayers(nothing, policies) if names_principals else PolicyLayers(policies)
        for request in REQUESTS:
            decision = decide(request, layers)
            explanation = explain(request, layers)
            assert explanation.decision == decision
            assert explanation.as_text()
            assert denial_sentence(request, decision)


def one_pattern(data: bytes) -> None:
    """Every way to match a pattern comes to the same."""
    written, _, text = data.decode("utf-8", "replace").partition("\0")
    plain = tokens(written, variables=False)
    assert matcher(plain)(text) is Automaton(plain).matches(text)
    pattern = tokens(written, variables=True)
    assert contextual(pattern)(text, CONTEXT.values) in (True, False)
    for resource, asked in ((f"arn:aws:{written}", f"arn:aws:{text}"), (written, text)):
        found = ResourcePattern(resource, variables=True)
        matches = found.matches(asked, CONTEXT.values)
        statement = Statement(effect=StatementEffect.ALLOW, actions=("*",), resources=(resource,))
        made = Document(kind=DocumentKind.IDENTITY, version="2012-10-17", statements=(statement,))
        layers = PolicyLayers(compile_policies([NamedDocument("made", made)]))
        request = AccessRequest("s3:GetObject", asked, ALICE, CONTEXT)
        assert decide(request, layers).allowed is (matches or resource == "*")


TARGETS: dict[str, Callable[[bytes], None]] = {"documents": one_document, "patterns": one_pattern}

SEEDS = {
    "documents": [
        b'{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}',
        (
            b'{"Statement":[{"Effect":"Deny","NotAction":["iam:*"],"NotResource":"arn:aws:sqs:*:*:q",'
            b'"Condition":{"ForAnyValue:StringLike":{"aws:TagKeys":"a*"},"DateLessThan":{"aws:CurrentTime":1}}}]}'
        ),
        (
            b'{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"*"},'
            b'"Action":"sts:AssumeRole","Condition":{"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"}}}]}'
        ),
        (
            b'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",'
            b'"Condition":{"Null":{"aws:userid":true},"NumericEquals":{"s3:max-keys":10}}}]}'
        ),
    ],
    "patterns": [
        b"s3:::b/*\0s3:::b/a:b",
        b"sqs:*:*-1:q?\0sqs:eu:west-1:q1",
        b"s3:::b/${aws:username}/*\0s3:::b/alice/x",
        b"*?b?*a${aws:missing, '*'}\0bbb*a",
    ],
}


def main() -> None:
    """Search until atheris is told to stop (-max_total_time, -runs)."""
    import tempfile
    from pathlib import Path

    import atheris  # the extra `fuzz`

    name = sys.argv.pop(1)
    target = TARGETS[name]
    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(chain(SEEDS[name])):
            Path(corpus, f"seed-{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
