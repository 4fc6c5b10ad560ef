"""Whom a command asks, and as whom: nothing of the shell's leads a request to AWS."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabard.administration.call_errors import CallFailed, ClientUnusable
from tabard.administration.client import OneEndpointSession, SystemClient, client_of_key
from tabard.administration.hosts import deregister_host, list_hosts, register_ephemeral_host
from tabard.administration.named import shell_names_a_system
from tabard.administration.shell import client_of_shell
from tests.support.fake_system import ARN, FakeSystem, fake_system
from tests.support.production_shell import PRODUCTION_KEY_ID, production_files, production_shell

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.fixture
def system() -> Iterator[FakeSystem]:
    with fake_system() as made:
        yield made


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A shell without anything of AWS's; a test adds what it is about."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, file in production_files(tmp_path).items():
        monkeypatch.setenv(name, file + "-nowhere")
    return monkeypatch


def set_all(shell: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        shell.setenv(name, value)


def keys_of(system: FakeSystem) -> set[str]:
    return {each.access_key_id for each in system.asked}


def test_a_client_of_a_key_heeds_nothing_of_the_shell(
    system: FakeSystem, shell: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_all(shell, production_shell(tmp_path))
    before = dict(os.environ)
    client = client_of_key(system.endpoint, "us-east-1", lambda: KEY)
    assert client.principal_arn == ARN
    assert list_hosts(client) == ()
    assert [(each.operation, each.access_key_id, each.region) for each in system.asked] == [
        ("GetCallerIdentity", KEY[0], "us-east-1"),
        ("DescribeHosts", KEY[0], "us-east-1"),
    ]
    assert dict(os.environ) == before


def test_a_key_that_is_replaced_meanwhile_is_used_from_then_on(system: FakeSystem) -> None:
    keys = [KEY]
    client = client_of_key(system.endpoint, "us-east-1", lambda: keys[-1])
    sts = client.client("sts")
    sts.get_caller_identity()
    keys.append(("AKIANEWEXAMPLE000000", "another"))
    sts.get_caller_identity()
    list_hosts(client)
    assert [each.access_key_id for each in system.asked] == [KEY[0], keys[1][0], keys[1][0]]


@pytest.mark.parametrize(
    ("endpoint", "profile", "variable", "named"),
    [
        (None, None, None, False),
        (None, None, "", False),
        ("http://127.0.0.1:1", None, None, True),
        (None, "production", None, True),
        (None, None, "http://127.0.0.1:1", True),
    ],
)
def test_the_users_own_credentials_act_only_where_the_user_names_a_system(
    shell: pytest.MonkeyPatch,
    tmp_path: Path,
    endpoint: str | None,
    profile: str | None,
    variable: str | None,
    named: bool,
) -> None:
    """Production's keys and AWS_PROFILE alone do not."""
    set_all(shell, production_shell(tmp_path))
    if variable is not None:
        shell.setenv("AWS_ENDPOINT_URL", variable)
    assert shell_names_a_system(endpoint=endpoint, profile=profile) is named


def test_an_option_names_the_endpoint_before_a_variable_and_a_variable_before_a_profile(
    system: FakeSystem, shell: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = f"\n[profile mine]\nendpoint_url = {system.endpoint}/\nregion = eu-west-1\n"
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n"
    set_all(shell, production_files(tmp_path, mine + keys))
    client = client_of_shell(endpoint=None, profile="mine")
    assert (client.endpoint, client.region) == (system.endpoint, "eu-west-1")
    list_hosts(client)
    assert (system.asked[0].access_key_id, system.asked[0].region) == (KEY[0], "eu-west-1")
    shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    assert client_of_shell(endpoint=None, profile="mine").endpoint == "http://127.0.0.1:2"
    assert client_of_shell(endpoint="http://127.0.0.1:3", profile="mine").endpoint == "http://127.0.0.1:3"


def test_keys_of_the_environment_act_as_with_any_aws_client(
    system: FakeSystem, shell: pytest.MonkeyPatch
) -> None:
    set_all(shell, {"AWS_ACCESS_KEY_ID": KEY[0], "AWS_SECRET_ACCESS_KEY": KEY[1], "AWS_REGION": "eu-west-1"})
    client = client_of_shell(endpoint=system.endpoint, profile=None)
    assert client.principal_arn == ARN
    assert (system.asked[0].access_key_id, system.asked[0].region) == (KEY[0], "eu-west-1")


def test_a_profile_that_assumes_a_role_assumes_it_at_the_named_system(
    system: FakeSystem, shell: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """botocore alone would call AWS's STS here: the configuration says to ignore configured endpoints."""
    set_all(shell, production_shell(tmp_path))
    client = client_of_shell(endpoint=system.endpoint, profile="production")
    list_hosts(client)
    assert system.operations == ["AssumeRole", "DescribeHosts"]
    assert keys_of(system) == {PRODUCTION_KEY_ID, "ASIAIOSFODNN7EXAMPLE"}


def test_a_profile_whose_credentials_come_from_aws_itself_is_refused(
    system: FakeSystem, shell: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_all(shell, production_files(tmp_path))
    home = tmp_path / "home"
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    shell.setenv("HOME", str(home))
    (cache / "07c91a5d86ea63bf75c7b06c3bd2ff7c2d0d0d8f.json").write_text("{}")
    with pytest.raises((ClientUnusable, CallFailed)) as refused:
        list_hosts(client_of_shell(endpoint=system.endpoint, profile="sign-on"))
    assert "sso" in str(refused.value).lower()
    assert system.asked == []


@pytest.mark.parametrize("service", ["sso", "sso-oidc", "signin", "kms"])
def test_no_client_is_made_of_a_service_that_only_aws_has(service: str) -> None:
    session = OneEndpointSession()
    session.endpoint = "http://127.0.0.1:1"
    with pytest.raises(ClientUnusable, match=f"service {service}, and tabard never calls AWS"):
        session.create_client(service, region_name="us-east-1")


def test_a_request_to_another_endpoint_is_stopped_before_it_is_sent(system: FakeSystem) -> None:
    """Whatever it is in botocore that changes a request's address."""
    with fake_system() as other:
        client = client_of_key(system.endpoint, "us-east-1", lambda: KEY)

        def lead_elsewhere(params: dict[str, object], **_: object) -> None:
            params["url"] = f"{other.endpoint}/"

        client.session.register("before-call", lead_elsewhere)
        with pytest.raises(ClientUnusable, match=r"did not send a request to 127\.0\.0\.1"):
            client.client("sts").get_caller_identity()
        assert (system.asked, other.asked) == ([], [])


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        ("https://iam.amazonaws.com", "AWS's own endpoint"),
        ("https://sts.eu-central-1.amazonaws.com/", "AWS's own endpoint"),
        ("https://amazonaws.com", "AWS's own endpoint"),
        ("https://IAM.AMAZONAWS.COM.", "AWS's own endpoint"),
        ("https://sts.cn-north-1.amazonaws.com.cn", "AWS's own endpoint"),
        ("https://ec2.eu-west-1.api.aws", "AWS's own endpoint"),
        ("https://sts.eusc-de-east-1.amazonaws.eu", "AWS's own endpoint"),
        ("https://user:word@iam.amazonaws.com", "AWS's own endpoint"),
        ("http://127.0.0.1:4580@iam.amazonaws.com", "AWS's own endpoint"),
        ("127.0.0.1:4580", "is not an endpoint"),
        ("ftp://127.0.0.1", "is not an endpoint"),
        ("http://", "is not an endpoint"),
        ("http://127.0.0.1:4580/path", "is not an endpoint"),
        ("http://127.0.0.1:port", "is not an endpoint"),
        ("http://[::1", "is not an endpoint"),
    ],
)
@pytest.mark.parametrize("by", ["option", "variable"])
def test_an_endpoint_of_awss_own_is_refused_whoever_names_it(
    shell: pytest.MonkeyPatch, tmp_path: Path, by: str, endpoint: str, sentence: str
) -> None:
    set_all(shell, production_shell(tmp_path))
    shell.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ClientUnusable, match=sentence):
        client_of_shell(endpoint=endpoint if by == "option" else None, profile=None)


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        ("of-aws", "AWS's own endpoint, and tabard never calls AWS"),
        ("nowhere", "has no endpoint_url; name the system with --endpoint, because tabard never calls AWS"),
        ("missing", r"The config profile \(missing\) could not be found"),
    ],
)
def test_a_profile_never_leads_to_aws(
    shell: pytest.MonkeyPatch, tmp_path: Path, profile: str, sentence: str
) -> None:
    set_all(shell, production_files(tmp_path))
    with pytest.raises(ClientUnusable, match=sentence):
        client_of_shell(endpoint=None, profile=profile)


def test_without_credentials_nothing_is_asked(system: FakeSystem) -> None:
    with pytest.raises(ClientUnusable, match="there are no AWS credentials"):
        client_of_shell(endpoint=system.endpoint, profile=None)
    assert system.asked == []


def local(system: FakeSystem) -> SystemClient:
    return client_of_key(system.endpoint, "us-east-1", lambda: KEY)


def test_a_refusal_has_its_code_its_sentence_and_its_status(system: FakeSystem) -> None:
    system.refusals["DeregisterHost"] = ("HostNotFound", "There is no such host.")
    with pytest.raises(CallFailed) as refused:
        deregister_host(local(system), "h-1")
    assert (refused.value.code, refused.value.message, refused.value.status) == (
        "HostNotFound",
        "There is no such host.",
        400,
    )
    system.refusals["GetCallerIdentity"] = ("InvalidClientTokenId", "The security token is invalid.")
    with pytest.raises(CallFailed, match="InvalidClientTokenId: The security token is invalid"):
        _ = local(system).principal_arn


def test_an_answer_of_another_shape_is_said_to_be_that_and_is_not_quoted(system: FakeSystem) -> None:
    with pytest.raises(CallFailed, match="Unreachable: the answer is not of its shape") as failed:
        register_ephemeral_host(local(system), name="ci")
    assert "Hosts" not in failed.value.message.replace("RegisterHost", "")


def test_an_endpoint_where_nobody_answers_is_one_sentence() -> None:
    with fake_system() as gone:
        client = local(gone)
    with pytest.raises(CallFailed, match=r"^RegisterHost: Unreachable: http://127\.0\.0\.1"):
        register_ephemeral_host(client, name="ci")


def test_a_client_shows_no_secret(system: FakeSystem) -> None:
    client = local(system)
    list_hosts(client)
    assert KEY[1] not in repr(client)
    assert KEY[1] not in repr(client.session.get_credentials())
