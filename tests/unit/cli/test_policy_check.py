"""`tabard policy check`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tabard.cli.main import app
from tabard.policy import DocumentKind

GOOD = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
BAD = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3","Resource":"*"}]}'
DOUBTFUL = GOOD.replace("GetObject", "GetObjct")
OLD = GOOD.replace("2012-10-17", "2008-10-17")


def checked(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["policy", "check", *arguments], input=stdin)


def written(folder: Path, text: str, name: str = "policy.json") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_good_policy_is_said_to_be_one(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    said = checked(path)
    assert (said.exit_code, said.output) == (0, f"{path}: a valid identity policy\n")


def test_what_aws_refuses_is_an_error_with_its_place_and_awss_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    said = checked(path)
    sentence = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    assert (said.exit_code, said.output) == (1, f"{path}:1:65: error: MalformedPolicyDocument: {sentence}\n")


def test_what_can_never_match_is_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path, DOUBTFUL)
    said = checked(path)
    assert said.exit_code == 0
    warning, verdict = said.output.splitlines()
    assert (
        warning == f"{path}:1:64: warning: s3:GetObjct: s3 has no such action; s3:GetObject is meant, perhaps"
    )
    assert verdict == f"{path}: a valid identity policy"


def test_a_scalar_operator_on_a_multivalued_key_is_a_warning(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}
    condition = {"StringEquals": {"dynamodb:LeadingKeys": "alice"}}
    text = json.dumps({"Version": "2012-10-17", "Statement": {**statement, "Condition": condition}})
    warning, _ = checked(written(tmp_path, text)).output.splitlines()
    assert warning.endswith(
        "warning: dynamodb:LeadingKeys is multivalued, "
        "and StringEquals never holds for a request that has it; "
        "write ForAllValues:StringEquals (for every value) or ForAnyValue:StringEquals (for at least one)"
    )


def test_a_warning_is_an_error_for_the_strict(tmp_path: Path) -> None:
    assert checked("--strict", written(tmp_path, DOUBTFUL)).exit_code == 1
    assert checked("--strict", written(tmp_path, GOOD)).exit_code == 0


def test_every_file_is_checked_and_one_error_is_enough(tmp_path: Path) -> None:
    said = checked(written(tmp_path, BAD, "bad.json"), written(tmp_path, GOOD, "good.json"), "--json")
    assert said.exit_code == 1
    bad, good = json.loads(said.output)["documents"]
    assert (bad["valid"], good["valid"], good["findings"]) == (False, True, [])
    [finding] = bad["findings"]
    assert (finding["level"], finding["code"]) == ("error", "MalformedPolicyDocument")
    assert (finding["line"], finding["column"]) == (1, 65)


def test_a_hint_says_what_aws_leaves_to_be_found_out(tmp_path: Path) -> None:
    said = checked(written(tmp_path, GOOD.replace("Effect", "Efect")))
    assert "Syntax errors in policy. (there is no Efect; Effect is meant, perhaps)" in said.output


def test_a_document_may_come_by_stdin() -> None:
    said = checked("-", stdin=GOOD)
    assert (said.exit_code, said.output) == (0, "<stdin>: a valid identity policy\n")


@pytest.mark.parametrize(
    ("kind", "text", "exit_code"),
    [
        ("identity", OLD, 0),
        ("boundary", OLD, 1),
        ("service-control", OLD, 1),
        ("trust", GOOD, 1),
        ("resource-control", GOOD.replace('"Action"', '"Principal":"*","Action"'), 1),
        (
            "resource-control",
            GOOD.replace('"Action"', '"Principal":"*","Action"').replace("Allow", "Deny"),
            0,
        ),
        ("session", GOOD, 0),
    ],
)
def test_each_kind_has_its_rules(tmp_path: Path, kind: str, text: str, exit_code: int) -> None:
    assert checked("--kind", kind, written(tmp_path, text)).exit_code == exit_code


def test_the_kinds_are_those_of_the_engine() -> None:
    assert checked("--kind", "nonsense", "-").exit_code == 2
    assert {str(kind) for kind in DocumentKind} >= {"identity", "trust", "resource", "session", "boundary"}


def test_what_cannot_be_read_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in ("nothing-here", "binary"):
        said = checked(str(tmp_path / path))
        assert said.exit_code == 2
        assert "cannot read " in said.output


def test_hosts_have_actions_and_keys_of_their_own(tmp_path: Path) -> None:
    statement = (
        '{"Effect":"Allow","Action":"hosts:RegisterHost","Resource":"arn:aws:hosts:*:*:host/*",'
        '"Condition":{"StringLike":{"hosts:HostId":"h-*"}}}'
    )
    said = checked("--strict", written(tmp_path, f'{{"Version":"2012-10-17","Statement":{statement}}}'))
    assert said.exit_code == 0, said.output


def test_what_a_terminal_obeys_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    said = checked(written(tmp_path, GOOD.replace("s3:GetObject", "s\\u001b[2J:x")))
    assert "\x1b" not in said.output
