"""Reading the audit and governing the organization are calls that a policy grants, or does not."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.flow_fixtures import AdminClient
from tests.support.running_system import TABARD, RunningSystem, allow, bare_environment, fresh, tabard_up

pytestmark = pytest.mark.flow


def tabard(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TABARD, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def user_who_may(system: RunningSystem, admin: AdminClient, *actions: str) -> dict[str, str]:
    """The shell of a new user with these actions and no others."""
    iam, name = admin("iam"), fresh("auditor")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(allow(*actions)))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return bare_environment(
        AWS_ENDPOINT_URL=system.endpoint,
        AWS_DEFAULT_REGION=system.region,
        AWS_ACCESS_KEY_ID=key["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
        XDG_DATA_HOME="/nowhere",
    )


def test_an_auditor_reads_the_audit_and_explains_and_may_nothing_else(
    system: RunningSystem, admin: AdminClient, tmp_path: Path
) -> None:
    auditor = user_who_may(system, admin, "tabard:LookupEvents", "tabard:ExplainEvent")
    stranger = user_who_may(system, admin, "hosts:DescribeHosts")
    denied = tabard(stranger, "audit")
    assert denied.returncode == 2
    assert "not authorized to perform: tabard:LookupEvents" in denied.stderr
    shown = tabard(auditor, "audit", "--denied", "--json", "--last", "1000")
    assert shown.returncode == 0, shown.stderr
    events = json.loads(shown.stdout)["events"]
    own = [event for event in events if event["operation"] == "LookupEvents"]
    assert own, "the denial of another reader is in the audit"
    explained = tabard(auditor, "explain", own[-1]["request_id"], "--json")
    assert explained.returncode == 0, explained.stderr
    assert json.loads(explained.stdout)["error_code"] == "AccessDenied"
    assert "not authorized to perform: tabard:ExplainEvent" in tabard(stranger, "explain", "1").stderr
    assert "the audit has no request 1" in tabard(auditor, "explain", "1").stderr
    for command, action in (
        (("organization", "show"), "tabard:GetOrganization"),
        (("organization", "remove"), "tabard:DeleteOrganization"),
        (("identity-certificate",), "tabard:GetIdentityCertificate"),
        (
            ("policy", "simulate", "--principal", "user/admin", "--action", "s3:GetObject"),
            "tabard:GetPrincipalPolicies",
        ),
    ):
        done = tabard(auditor, *command)
        assert done.returncode == 2
        assert f"not authorized to perform: {action}" in done.stderr, done.stderr


def test_what_a_policy_grants_works_without_a_data_directory(
    system: RunningSystem, admin: AdminClient
) -> None:
    shell = user_who_may(system, admin, "tabard:GetIdentityCertificate", "tabard:GetPrincipalPolicies")
    certificate = tabard(shell, "identity-certificate")
    assert certificate.stdout == (system.data_dir / "identity-certificate.pem").read_text()
    simulate = ("policy", "simulate", "--principal", "user/admin", "--action", "s3:GetObject")
    remote, local = (
        tabard(shell, *simulate),
        tabard(bare_environment(), *simulate, "--data-dir", str(system.data_dir)),
    )
    assert remote.returncode == 0, remote.stderr
    assert remote.stdout == local.stdout


def test_an_organization_is_governed_by_who_may_and_read_once_the_system_is_stopped(tmp_path: Path) -> None:
    tree = {
        "id": "o-exampleorg1",
        "management_account": "999988887777",
        "root": {"id": "r-root", "accounts": [{"id": "111122223333"}]},
    }
    file = tmp_path / "organization.json"
    file.write_text(json.dumps(tree))
    option = ("--data-dir", str(tmp_path / "data"))
    with tabard_up(tmp_path / "data") as system:
        governor = user_who_may(system, system.client, "tabard:PutOrganization", "tabard:GetOrganization")
        assert tabard(governor, "organization", "apply", str(file)).returncode == 0
        assert "o-exampleorg1" in tabard(governor, "organization", "show").stdout
        assert "tabard:DeleteOrganization" in tabard(governor, "organization", "remove").stderr
        refused = json.dumps({**tree, "root": {"id": "r-root"}})
        file.write_text(refused)
        done = tabard(governor, "organization", "apply", str(file))
        assert (done.returncode, "InvalidOrganization" in done.stderr) == (2, True)
        by_admin = tabard(bare_environment(), "audit", "--json", "--last", "1000", *option)
        written = json.loads(by_admin.stdout)["events"]
        assert any(event["operation"] == "PutOrganization" for event in written)
        assert not any(event["operation"] == "LookupEvents" for event in written)  # unless --all
    (tmp_path / "data" / "master.key").rename(tmp_path / "master.key")
    assert "o-exampleorg1" in tabard(bare_environment(), "organization", "show", *option).stdout
    assert tabard(bare_environment(), "audit", *option).returncode == 0
