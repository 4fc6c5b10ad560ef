"""`tabard explain`, as it tells of events of every kind."""

import json
from datetime import UTC, datetime

from msgspec.structs import replace

from tabard.cli.explain import explanation_json, explanation_text
from tabard.model.audit_event import AuditEvent, DecidedCheck
from tabard.model.policy_change import PolicyChange
from tabard.policy import Effect, Layer, MatchedStatement

ROLE = "arn:aws:iam::111122223333:role/web"
READ = DecidedCheck(
    "s3:GetObject",
    "arn:aws:s3:::b/k",
    Effect.ALLOW,
    Layer.IDENTITY,
    (MatchedStatement("app", "Read", 0),),
)
ALLOWED = AuditEvent(
    request_id="11111111-2222-4333-8444-555555555555",
    at=datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC),
    service="s3",
    operation="GetObject",
    principal_arn="arn:aws:sts::111122223333:assumed-role/web/i-0",
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    source_ip="127.0.0.1",
    user_agent="Boto3/1.36",
    region="us-east-1",
    resources=("arn:aws:s3:::b/k",),
    outcome="allowed",
    error_code="",
    reason="",
    http_status=200,
    snapshot_version=7,
    decisions=(READ,),
)
EVIDENCE = {
    "statements": [
        {
            "layer": "identity",
            "policy": "app",
            "sid": "",
            "index": 2,
            "effect": "Deny",
            "applies": True,
            "failed": None,
            "held": [
                {"operator": "StringLike", "key": "aws:userid", "wanted": ["A*"], "actual": ["AROA:i-0"]}
            ],
        },
        {
            "layer": "boundary",
            "policy": "arn:aws:iam::111122223333:policy/limit",
            "sid": "",
            "index": 0,
            "effect": "Allow",
            "applies": False,
            "failed": {
                "element": "Condition",
                "operator": "Bool",
                "key": "aws:SecureTransport",
                "wanted": ["true"],
                "actual": None,
            },
        },
        {
            "layer": "identity",
            "policy": "app",
            "sid": "",
            "index": 1,
            "effect": "Allow",
            "applies": False,
            "failed": {"element": "Resource", "operator": "", "key": "", "wanted": [], "actual": ["x"]},
        },
    ],
    "left_out": 3,
    "context": {"aws:sourceip": ["127.0.0.1"], "aws:userid": ["AROA:i-0"]},
}
DENIED = replace(
    ALLOWED,
    outcome="denied",
    error_code="AccessDenied",
    reason="User: … is not authorized",
    http_status=403,
    decisions=(
        replace(READ, effect=Effect.EXPLICIT_DENY, matched=(MatchedStatement("app", "", 2),)),
        replace(READ, effect=Effect.IMPLICIT_DENY, layer=Layer.BOUNDARY, matched=()),
    ),
    explanation=json.dumps(EVIDENCE),
)


EDITED = PolicyChange(change="edited", kind="managed policy", name="p", holder=ROLE, before="v1", after="v2")
ADDED = PolicyChange(change="added", kind="role", name="web")


def told(event: AuditEvent, *since: PolicyChange) -> list[str]:
    return [line.strip() for line in explanation_text(event, since)]


def test_what_was_allowed_names_the_statement_that_allowed_it() -> None:
    assert told(ALLOWED) == [
        "s3:GetObject was allowed",
        "request    11111111-2222-4333-8444-555555555555, 2026-01-31T12:00:00Z",
        "caller     arn:aws:sts::111122223333:assumed-role/web/i-0",
        "from       127.0.0.1, region us-east-1",
        "answer     200",
        "decided    s3:GetObject on arn:aws:s3:::b/k",
        "allowed by statement 0 Read of app (identity-based policy)",
        "since then no policy that it rests on has changed",
    ]


def test_what_the_root_may_rests_on_no_statement() -> None:
    assert "allowed by the identity-based policy" in told(
        replace(ALLOWED, decisions=(replace(READ, matched=()),))
    )


def test_a_denial_tells_what_applied_the_near_misses_and_the_condition_keys() -> None:
    lines = told(DENIED)
    assert lines[4:6] == ["answer     403 AccessDenied", "User: … is not authorized"]
    assert lines[6:] == [
        "decided    s3:GetObject on arn:aws:s3:::b/k",
        "denied by statement 2 of app (identity-based policy)",
        "decided    s3:GetObject on arn:aws:s3:::b/k",
        "denied: no permissions boundary allows it",
        "applies    Deny by statement 2 of app (identity-based policy)",
        "Condition StringLike aws:userid: wanted A*; the request's is AROA:i-0",
        "near miss  Allow by statement 0 of arn:aws:iam::111122223333:policy/limit (permissions boundary)",
        "Condition Bool aws:SecureTransport: wanted true; the request's is none",
        "Allow by statement 1 of app (identity-based policy)",
        "Resource: wanted nothing; the request's is x",
        "other statements, about other requests: 3",
        "keys       aws:sourceip = 127.0.0.1",
        "aws:userid = AROA:i-0",
        "since then no policy that it rests on has changed",
    ]


def test_each_change_since_is_named_with_what_became_of_it() -> None:
    assert told(ALLOWED, EDITED, ADDED)[-2:] == [
        f"since then edited: managed policy p of {ROLE} (v1 → v2)",
        "added: role web",
    ]


def test_what_no_policy_was_asked_about_says_so() -> None:
    refused = replace(
        ALLOWED, outcome="refused", service="", operation="", principal_arn="", region="", decisions=()
    )
    lines = told(refused)
    assert lines[0] == "a request was refused"
    assert lines[2:4] == ["caller     not known", "from       127.0.0.1, region -"]
    assert lines[-1] == "No policy decided: the request was refused before the decision."
    absent = told(replace(ALLOWED, outcome="not_offered", decisions=()))
    assert absent[0].endswith(" was not offered")
    assert absent[-1] == ("No policy denied it: Tabard does not offer it. On AWS, a policy decides.")
    failed = told(replace(ALLOWED, outcome="failed"))
    assert "The policies allowed it. It failed for another reason." in failed


def test_as_json_it_is_all_there() -> None:
    said = json.loads(json.dumps(explanation_json(DENIED, [EDITED, ADDED])))
    assert said["at"] == "2026-01-31T12:00:00Z"
    assert said["decisions"][0] == {
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::b/k",
        "effect": "explicit-deny",
        "layer": "identity",
        "matched": [{"policy": "app", "sid": "", "index": 2}],
        "context": {},
    }
    assert said["explanation"] == EVIDENCE
    assert said["changed_since"] == [
        {
            "change": "edited",
            "kind": "managed policy",
            "name": "p",
            "holder": ROLE,
            "before": "v1",
            "after": "v2",
        },
        {"change": "added", "kind": "role", "name": "web"},
    ]
    unchanged = explanation_json(ALLOWED, [])
    assert (unchanged["explanation"], unchanged["changed_since"]) == (None, [])
