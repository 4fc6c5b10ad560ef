"""Generated documents and requests from alphabets so small that statements often apply."""

import json
from typing import Any

from hypothesis import strategies as st

from tabard.policy import (
    AccessRequest,
    CompiledPolicies,
    DocumentKind,
    Multivalued,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    parse_document,
)
from tests.support.reference_evaluator import Caller, Question, Tree, Values

IDENTITY = DocumentKind.IDENTITY
OWN, OTHER = "123456789012", "111122223333"
ROLE_ARN = f"arn:aws:iam::{OWN}:role/web"
ALICE = Caller(arn=f"arn:aws:iam::{OWN}:user/alice", account=OWN)
WEB = Caller(arn=f"arn:aws:sts::{OWN}:assumed-role/web/i-1", account=OWN, role_arn=ROLE_ARN)
SERVICE_LINKED = Caller(
    arn=f"arn:aws:sts::{OWN}:assumed-role/AWSServiceRoleForX/s",
    account=OWN,
    role_arn=f"arn:aws:iam::{OWN}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
)
CALLERS = [
    (PrincipalKind.USER, ALICE),
    (PrincipalKind.USER, Caller(arn=f"arn:aws:iam::{OTHER}:user/bob", account=OTHER)),
    (PrincipalKind.ASSUMED_ROLE, WEB),
    (PrincipalKind.ASSUMED_ROLE, SERVICE_LINKED),
    (PrincipalKind.ROOT, Caller(arn=f"arn:aws:iam::{OWN}:root", account=OWN, is_root=True)),
    (PrincipalKind.SERVICE, Caller(arn="", account="", service="ec2.amazonaws.com")),
    (PrincipalKind.ANONYMOUS, Caller(arn="", account="")),
]
RESOURCES = [
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/k\nx",
    "arn:aws:s3:::b/alice/k",
    "arn:aws:s3:::b/*",
    "arn:aws:sqs:eu-west-1:123456789012:q",
    "arn:aws:sqs:eu-west-1:123456789012:q:b",
    "arn:aws:sqs:eu:west-1:123456789012:q",
    "arn:aws:sqs:a:b:c:d:e:f:g:h:i:q",
    ROLE_ARN,
]
PATTERNS = [
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/k*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::b/?",
    "arn:aws:s3:::b/*k*",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/${*}",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${aws:username, 'alice'}/k",
    "arn:aws:s3:*",
    "arn:aws:sqs:*:*:q",
    "arn:aws:sqs:eu-*:123456789012:q*",
    "arn:aws:sqs:*:q:b",
    "arn:aws:sqs:*:*:*",
    "arn:aws:sqs:*-1:*:q",
    "arn:aws:sqs:e?:*-1:q*",
    "arn:aws:sqs",
    "arn:*:sqs:eu-west-1:*:*b",
    "arn:aws:iam::*:role/*",
]
ACTIONS = ["s3:GetObject", "s3:PutObject", "sqs:SendMessage", "sts:AssumeRole"]
ACTION_PATTERNS = ["*", "s3:*", "s3:GetObject", "S3:getobject", "s3:Put*", "s3:?etObject", "sqs:*", "sts:*"]
OPERATORS = {
    "String": (
        ["Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike"],
        ["aws:username", "AWS:TagKeys"],
        ["alice", "ALICE", "a*", "?ob", "${aws:username}", "${aws:missing}", "${*}", "bob"],
    ),
    "Numeric": (
        ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"],
        ["s3:max-keys"],
        ["1", "2", "10.5", "ten"],
    ),
    "Arn": (
        ["Equals", "Like", "NotEquals", "NotLike"],
        ["aws:SourceArn"],
        ["arn:aws:s3:::*", "arn:aws:s3:::b", "arn:aws:sqs:*:*:${aws:username}", "arn:*:*:*:*:?"],
    ),
}
OPERATORS["Date"] = (
    OPERATORS["Numeric"][0],
    ["aws:CurrentTime"],
    ["2026-01-01T00:00:00Z", "2026", "1767225600", "2026-01-01T01:00:00.500+01:00"],
)
OTHER_CONDITIONS = [
    ("Bool", "aws:SecureTransport", "true"),
    ("Bool", "aws:SecureTransport", False),
    ("Bool", "aws:SecureTransport", "${aws:ViaAWSService}"),
    ("BinaryEquals", "tabard:Blob", "QQ=="),
    ("BinaryEquals", "tabard:Blob", ["no base-64"]),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
    ("IpAddress", "aws:SourceIp", ["nowhere"]),
    ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "2001:db8::/32"]),
]
CONTEXT_VALUES = {
    "aws:username": ["alice", "bob", "*", ""],
    "aws:tagkeys": ["alice", "bob", "Alice", ""],
    "s3:max-keys": ["1", "2", "3"],
    "aws:sourcearn": ["arn:aws:s3:::b", "arn:aws:sqs:eu-west-1:1:alice", "elsewhere"],
    "aws:sourceip": ["10.0.0.1", "203.0.113.9", "2001:db8::1"],
    "aws:currenttime": ["2026-01-01T00:00:00Z", "1767225601", "2025-12-31T23:59:59Z"],
    "tabard:blob": ["QQ==", "Qg=="],
    "aws:viaawsservice": ["true", "false"],
    "aws:securetransport": ["true", "false"],
}
PRINCIPALS = [
    "*",
    {"AWS": "*"},
    {"AWS": OWN},
    {"AWS": [f"arn:aws:iam::{OWN}:root"]},
    {"AWS": ALICE.arn},
    {"AWS": [WEB.arn, ROLE_ARN, OWN]},
    {"AWS": WEB.arn},
    {"AWS": ROLE_ARN},
    {"AWS": OTHER, "Service": "ec2.amazonaws.com"},
    {"Service": ["ecs.amazonaws.com"]},
]


@st.composite
def conditions(draw: st.DrawFn) -> Tree:
    """One condition element with up to two operators."""
    tree: Tree = {}
    for _ in range(draw(st.integers(0, 2))):
        family = draw(st.sampled_from([*OPERATORS, "Other", "Null"]))
        if family in OPERATORS:
            names, keys, operands = OPERATORS[family]
            name, key = family + draw(st.sampled_from(names)), draw(st.sampled_from(keys))
            chosen: Any = draw(st.lists(st.sampled_from(operands), min_size=1, max_size=2))
        elif family == "Other":
            name, key, chosen = draw(st.sampled_from(OTHER_CONDITIONS))
        else:
            name, key, chosen = "Null", "aws:username", draw(st.sampled_from(["true", "false"]))
        if family != "Null":
            name += draw(st.sampled_from(["", "", "IfExists"]))
            name = draw(st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"])) + name
        tree.setdefault(name, {})[key] = chosen
    return tree


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None, *, kind: DocumentKind = IDENTITY) -> Tree:
    """One statement of such a document; one of an RCP always says whom it is for: everyone."""
    tree: Tree = {"Effect": effect or draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    is_for_everyone = kind is DocumentKind.RESOURCE_CONTROL
    action = draw(st.sampled_from(["Action", "Action", "Action", "NotAction"]))
    action = "Action" if is_for_everyone else action
    tree[action] = draw(st.lists(st.sampled_from(ACTION_PATTERNS), min_size=1, max_size=2))
    resource = draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))
    # A session policy holds no incomplete ARN.
    patterns = [text for text in PATTERNS if kind is not DocumentKind.SESSION or _is_complete(text)]
    tree[resource] = draw(st.lists(st.sampled_from(patterns), min_size=1, max_size=3))
    if draw(st.booleans()):
        tree["Condition"] = draw(conditions())
    if is_for_everyone:
        tree["Principal"] = "*"
    if kind is DocumentKind.RESOURCE:
        element = draw(st.sampled_from(["Principal", "Principal", "NotPrincipal"]))
        tree[element] = draw(st.sampled_from(PRINCIPALS))
    return tree


def _is_complete(text: str) -> bool:
    return text == "*" or text.count(":") >= 5


def documents(kind: DocumentKind = IDENTITY) -> st.SearchStrategy[Tree]:
    """A document of one to four statements, mostly of the current version."""
    return st.fixed_dictionaries(
        {
            "Version": st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]),
            "Statement": st.lists(statements(kind=kind), min_size=1, max_size=4),
        }
    )


def levels(kind: DocumentKind) -> st.SearchStrategy[list[list[Tree]]]:
    """Levels of control policies, most of which begin with full access."""
    level = st.lists(documents(kind), max_size=1)
    full = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    if kind is DocumentKind.RESOURCE_CONTROL:
        full["Principal"] = "*"
    wide = level.map(lambda others: [{"Version": "2012-10-17", "Statement": [full]}, *others])
    return st.just([]) | st.lists(wide | wide | level, max_size=3)


ALWAYS_MULTIVALUED = frozenset({"aws:tagkeys"})
multivalued_keys = st.just(ALWAYS_MULTIVALUED) | st.sets(st.sampled_from(sorted(CONTEXT_VALUES))).map(
    ALWAYS_MULTIVALUED.union
)
"""Mostly AWS's own; any other key may be multivalued too, so that every operator meets one."""


@st.composite
def contexts(draw: st.DrawFn, multivalued: frozenset[str]) -> Values:
    """Some of the condition keys that documents ask for."""
    return {
        key: draw(st.lists(st.sampled_from(found), max_size=2 if key in multivalued else 1))
        for key, found in CONTEXT_VALUES.items()
        if draw(st.booleans())
    }


@st.composite
def simple_questions(draw: st.DrawFn) -> Question:
    """One statement with a condition, beside one that allows everything where it denies."""
    multivalued = draw(multivalued_keys)
    denies = draw(st.booleans())
    tree: Tree = {"Effect": "Deny" if denies else "Allow", "Action": "*"}
    tree["Resource"] = draw(st.sampled_from(["*", *PATTERNS]))
    tree["Condition"] = draw(conditions())
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return Question(
        action="s3:GetObject",
        resource=draw(st.sampled_from(RESOURCES)),
        caller=ALICE,
        values=draw(contexts(multivalued)),
        multivalued=multivalued,
        identity=[{"Version": "2012-10-17", "Statement": [tree, *([everything] if denies else [])]}],
    )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A request and the layers that apply to it."""
    boundary = st.none() | st.lists(documents(DocumentKind.BOUNDARY), max_size=1)
    session = st.none() | st.lists(documents(DocumentKind.SESSION), max_size=1)
    multivalued = draw(multivalued_keys)
    return Question(
        action=draw(st.sampled_from(ACTIONS)),
        resource=draw(st.sampled_from(RESOURCES)),
        caller=draw(st.sampled_from([caller for _, caller in CALLERS])),
        values=draw(contexts(multivalued)),
        multivalued=multivalued,
        resource_account=draw(st.sampled_from(["", OWN, OTHER])),
        identity=draw(st.lists(documents(), max_size=2)),
        resource_policy=draw(st.none() | st.lists(documents(DocumentKind.RESOURCE), max_size=1)),
        boundary=draw(boundary),
        session=draw(session),
        service_control=draw(levels(DocumentKind.SERVICE_CONTROL)),
        resource_control=draw(levels(DocumentKind.RESOURCE_CONTROL)),
    )


def compiled(trees: list[Tree], kind: DocumentKind) -> CompiledPolicies:
    """The documents as the engine takes them."""
    return compile_policies(
        [
            NamedDocument(f"p{place}", parse_document(json.dumps(tree), kind=kind))
            for place, tree in enumerate(trees)
        ]
    )


def as_engine_input(question: Question) -> tuple[AccessRequest, PolicyLayers]:
    """The same question in the engine's words."""
    caller = question.caller
    kind = next(kind for kind, found in CALLERS if found == caller)
    principal = PolicyPrincipal(
        arn=caller.arn,
        account_id=caller.account,
        kind=kind,
        role_arn=caller.role_arn,
        service=caller.service,
    )
    request = AccessRequest(
        action=question.action,
        resource=question.resource,
        principal=principal,
        context=RequestContext(
            {
                key: Multivalued(found) if key in question.multivalued else tuple(found)
                for key, found in question.values.items()
            }
        ),
        resource_account=question.resource_account,
    )
    layers = PolicyLayers(
        identity=compiled(question.identity, DocumentKind.IDENTITY),
        resource=_layer(question.resource_policy, DocumentKind.RESOURCE),
        boundary=_layer(question.boundary, DocumentKind.BOUNDARY),
        session=_layer(question.session, DocumentKind.SESSION),
        service_control=tuple(
            compiled(level, DocumentKind.SERVICE_CONTROL) for level in question.service_control
        ),
        resource_control=tuple(
            compiled(level, DocumentKind.RESOURCE_CONTROL) for level in question.resource_control
        ),
    )
    return request, layers


def _layer(trees: list[Tree] | None, kind: DocumentKind) -> CompiledPolicies | None:
    return None if trees is None else compiled(trees, kind)
