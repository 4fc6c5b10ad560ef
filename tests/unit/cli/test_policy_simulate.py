"""`tabard policy simulate`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tabard.cli.main import app
from tabard.model.group import Group
from tabard.model.organization import ControlPolicy, ControlType
from tabard.model.policies import InlinePolicy
from tabard.model.role import Role
from tabard.model.tag import Tag
from tabard.model.user import User
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tests.support.aggregates import organization

ACCOUNT_ID = "111122223333"
OBJECT = "arn:aws:s3:::reports/a"
BLUE = (Tag("team", "blue"),)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def policy(action: str = "s3:GetObject", effect: str = "Allow", **more: object) -> str:
    statement = {"Sid": "Get", "Effect": effect, "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


DENIES_S3 = policy("s3:*", "Deny", Principal="*")
IF_BLUE = policy(Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})


def written(folder: Path, text: str, name: str = "policy.json") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def simulated(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["policy", "simulate", *arguments], input=stdin)


def told(*arguments: str) -> list[dict[str, Any]]:
    decisions: list[dict[str, Any]] = json.loads(simulated(*arguments, "--json").stdout)["decisions"]
    return decisions


def test_what_is_allowed_names_the_statement_and_ends_with_0(tmp_path: Path) -> None:
    path = written(tmp_path, policy())
    said = simulated("--policy", path, "--action", "s3:GetObject", "--resource", OBJECT)
    assert said.exit_code == 0
    assert said.output.splitlines()[0] == (
        f"s3:GetObject on {OBJECT}: allowed by statement 0 Get of {path} (identity-based policy)"
    )


def test_what_is_denied_names_the_near_miss_and_ends_with_1(tmp_path: Path) -> None:
    said = simulated("--policy", written(tmp_path, IF_BLUE), "--action", "s3:GetObject")
    assert said.exit_code == 1
    assert "s3:GetObject on *: denied: no identity-based policy allows it" in said.output
    assert "aws:PrincipalTag/team: wanted blue; the request's is none" in said.output
    assert "not given  aws:PrincipalTag/team" in said.output


def test_context_keys_are_given_with_one_value_or_several(tmp_path: Path) -> None:
    path = written(tmp_path, IF_BLUE)
    given = ("--policy", path, "--action", "s3:GetObject", "--context", "aws:PrincipalTag/team=blue")
    [decided] = told(*given)
    assert (decided["effect"], decided["missing"]) == ("allow", [])
    [decided] = told(*given, "--context", "AWS:principaltag/team=a=b")
    assert decided["context"]["aws:principaltag/team"] == ["blue", "a=b"]


def test_a_key_that_aws_documents_as_multivalued_is_so_with_one_value(tmp_path: Path) -> None:
    asked = ("--action", "s3:GetObject", "--context", "aws:TagKeys=team")
    scalar = written(tmp_path, policy(Condition={"StringEquals": {"aws:TagKeys": "team"}}))
    said = simulated("--policy", scalar, *asked)
    assert said.exit_code == 1
    assert (
        "Condition StringEquals aws:TagKeys: wanted team; the request's is team; aws:TagKeys is multivalued: "
        "StringEquals needs ForAnyValue:StringEquals or ForAllValues:StringEquals"
    ) in said.output
    of_a_set = written(tmp_path, policy(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}))
    assert simulated("--policy", of_a_set, *asked).exit_code == 0


def test_one_denial_among_several_decisions_is_enough(tmp_path: Path) -> None:
    allowing, denying = (
        written(tmp_path, policy("s3:*"), "a"),
        written(tmp_path, policy("s3:PutObject", "Deny"), "d"),
    )
    given = (
        "--policy",
        allowing,
        "--policy",
        denying,
        "--action",
        "s3:GetObject",
        "--action",
        "s3:PutObject",
    )
    assert [decided["effect"] for decided in told(*given)] == ["allow", "explicit-deny"]
    said = simulated(*given)
    assert said.exit_code == 1
    assert f"s3:PutObject on *: denied by statement 0 Get of {denying}" in said.output


@pytest.mark.parametrize(
    ("option", "layer"), [("--boundary", "boundary"), ("--session", "session"), ("--scp", "service-control")]
)
def test_whatever_limits_a_principal_can_be_given(tmp_path: Path, option: str, layer: str) -> None:
    given = ("--policy", written(tmp_path, policy("s3:*")), "--action", "s3:GetObject")
    [limited] = told(*given, option, written(tmp_path, policy("sqs:*"), "limit"))
    assert (limited["effect"], limited["layer"]) == ("implicit-deny", layer)
    [within] = told(*given, option, written(tmp_path, policy("s3:Get*"), "limit"))
    assert within["effect"] == "allow"


def test_a_resource_policy_allows_whom_it_names(tmp_path: Path) -> None:
    bob = f"arn:aws:iam::{ACCOUNT_ID}:user/bob"
    given = ("--policy", written(tmp_path, policy("sqs:*")), "--action", "s3:GetObject", "--caller", bob)
    resource = written(tmp_path, policy(Principal={"AWS": bob}), "resource.json")
    [decided] = told(*given, "--resource-policy", resource)
    assert (decided["effect"], decided["layer"]) == ("allow", "resource")


def test_a_policy_may_come_by_stdin() -> None:
    assert simulated("--policy", "-", "--action", "s3:GetObject", stdin=policy()).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--action", "s3:GetObject"), "pass policies with --policy"),
        (("--policy", "-", "--action", "s3:*"), "Invalid action s3:*"),
        (("--policy", "-", "--action", "s3:GetObject", "--resource", "reports"), "Invalid resource reports"),
        (("--policy", "-", "--action", "s3:GetObject", "--context", "team"), "is not KEY=VALUE"),
        (("--policy", "-", "--action", "s3:GetObject", "--context", "team=blue"), "is not KEY=VALUE"),
        (("--policy", "-", "--action", "s3:GetObject", "--caller", "bob"), "does not clearly define entity"),
        (("--policy", "no-such-file", "--action", "s3:GetObject"), "cannot read no-such-file"),
    ],
)
def test_a_mistake_in_the_command_line_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    said = simulated(*arguments, stdin=policy())
    assert said.exit_code == 2
    assert sentence in said.output


def test_a_policy_that_is_refused_says_why(tmp_path: Path) -> None:
    said = simulated("--policy", written(tmp_path, "{}"), "--action", "s3:GetObject")
    assert said.exit_code == 2
    assert "policy.json: " in said.output


@pytest.fixture
def data_dir(tmp_path: Path) -> str:
    """A data directory whose store holds a user in a group, and a role."""
    made = DataDir(tmp_path / "data")
    made.prepare()
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    who: dict[str, Any] = {"partition": "aws", "account_id": ACCOUNT_ID, "created_at": NOW}
    with store.transaction() as tx:
        tx.installation.put("account_id", ACCOUNT_ID)
        tx.groups.insert(
            Group(
                group_id="AGPA1",
                name="devs",
                path="/",
                inline_policies=(InlinePolicy("in", policy("s3:PutObject")),),
                **who,
            )
        )
        tx.users.insert(
            User(
                user_id="AIDA1",
                name="bob",
                path="/team/",
                group_ids=("AGPA1",),
                tags=(Tag("team", "blue"),),
                **who,
            )
        )
        tx.roles.insert(
            Role(
                role_id="AROA1",
                name="web",
                path="/app/",
                description="",
                trust_policy="{}",
                max_session_duration_seconds=3600,
                inline_policies=(InlinePolicy("app", policy("s3:GetObject")),),
                **who,
            )
        )
    store.close()
    return str(made.path)


def test_a_principal_of_the_system_has_its_policies(data_dir: str) -> None:
    here = ("--data-dir", data_dir, "--action", "s3:GetObject", "--action", "s3:PutObject")
    assert [decided["effect"] for decided in told(*here, "--principal", "role/web")] == [
        "allow",
        "implicit-deny",
    ]
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/app/web"
    role, _ = told(*here, "--principal", arn)
    assert role["context"]["aws:principalarn"] == [arn]
    assert role["matched"] == [{"policy": "role_web_app", "sid": "Get", "index": 0}]
    _, put = told(*here, "--principal", "user/bob")
    assert (put["effect"], put["matched"][0]["policy"]) == ("allow", "group_devs_in")
    assert put["context"]["aws:principaltag/team"] == ["blue"]
    _, of_group = told(*here, "--principal", "group/devs")
    assert of_group["effect"] == "allow"


def test_the_organization_of_the_system_limits_its_principals(data_dir: str) -> None:
    made = DataDir(Path(data_dir))
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    none = ControlPolicy(name="none", control_type=ControlType.RESOURCE, document=DENIES_S3)
    with store.transaction() as tx:
        tx.organizations.put(organization(none, resource_control=("none",), account_id=ACCOUNT_ID))
    store.close()
    [decided] = told("--data-dir", data_dir, "--action", "s3:GetObject", "--principal", "role/web")
    assert (decided["effect"], decided["layer"]) == ("explicit-deny", "resource-control")
    assert decided["context"]["aws:principalorgid"] == ["o-exampleorg1"]


@pytest.mark.parametrize(
    ("principal", "sentence"),
    [
        ("role/nobody", "there is no role nobody"),
        ("nobody", "is not role/NAME"),
        ("host/x", "is not role/NAME"),
        (f"arn:aws:iam::{ACCOUNT_ID}:user/nobody", "cannot be found"),
    ],
)
def test_who_is_not_there_is_said_so(data_dir: str, principal: str, sentence: str) -> None:
    said = simulated("--data-dir", data_dir, "--principal", principal, "--action", "s3:GetObject")
    assert said.exit_code == 2
    assert sentence in said.output


def test_without_a_store_there_is_nobody(tmp_path: Path) -> None:
    said = simulated("--data-dir", str(tmp_path), "--principal", "role/web", "--action", "s3:GetObject")
    assert said.exit_code == 2
    assert "there is no store" in said.output
