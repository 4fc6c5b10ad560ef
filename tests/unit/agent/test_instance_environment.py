"""The environment of an instance: the metadata service is its only source of credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.agent.drivers.environment import (
    KEPT_AWS_VARIABLES,
    host_environment,
    instance_environment,
)

SET = {
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:40001",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4700",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/run/empty",
    "AWS_SHARED_CREDENTIALS_FILE": "/run/empty",
    "BOTO_CONFIG": "/run/empty",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


def made(base: dict[str, str], edge_endpoint: str = "http://127.0.0.1:4700") -> dict[str, str]:
    return instance_environment(
        base,
        metadata_endpoint="http://127.0.0.1:40001",
        edge_endpoint=edge_endpoint,
        region="us-east-1",
        empty_file="/run/empty",
    )


def test_these_variables_are_set() -> None:
    assert made({}) == SET


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_ACCOUNT_ID",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SDK_LOAD_CONFIG",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CREDENTIAL_FILE",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_SSO_START_URL",
        "AWS_VAULT",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "AWS_EC2_INSTANCE_PROFILE_NAME",
        "AWS_SOMETHING_OF_TOMORROW",
        "aws_access_key_id",
        "AMAZON_ACCESS_KEY_ID",
        "EC2_ACCESS_KEY",
        "BOTO_CONFIG",
        "BOTO_PATH",
        "TABARD_MASTER_KEY",
    ],
)
def test_these_variables_are_removed(name: str) -> None:
    assert made({name: "decoy"}) == SET


@pytest.mark.parametrize("name", ["PATH", "HOME", "PYTHONPATH", "MY_AWS_THING", *sorted(KEPT_AWS_VARIABLES)])
def test_these_variables_stay(name: str) -> None:
    assert made({name: "value"})[name] == "value"


@pytest.mark.parametrize("name", sorted(SET.keys() - KEPT_AWS_VARIABLES))
def test_set_variables_replace_former_values(name: str) -> None:
    assert made({name: "decoy.example"})[name] == SET[name] or name.upper() == "NO_PROXY"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"HTTP_PROXY": "http://proxy:3128"}, "127.0.0.1"),
        ({"NO_PROXY": "a.example, b.example"}, "a.example,b.example,127.0.0.1"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example,a.example"}, "a.example,b.example,127.0.0.1"),
        ({"no_proxy": "127.0.0.1,,"}, "127.0.0.1"),
        ({"NO_PROXY": "*"}, "*"),
        ({"NO_PROXY": "a.example,*"}, "*"),
    ],
)
def test_no_proxy_stands_between_an_instance_and_its_metadata(base: dict[str, str], expected: str) -> None:
    environment = made(base)
    assert (environment["NO_PROXY"], environment["no_proxy"]) == (expected, expected)


def test_an_edge_on_another_host_is_reached_without_proxy_as_well() -> None:
    assert made({}, "https://edge.example:8443")["NO_PROXY"] == "127.0.0.1,edge.example"


@given(
    st.dictionaries(st.from_regex(r"(AWS|AMAZON|TABARD|PATH)_?[A-Z_]{0,20}", fullmatch=True), st.just("d"))
)
def test_an_unknown_aws_variable_is_always_removed(base: dict[str, str]) -> None:
    for name, value in made(base).items():
        if name.startswith(("AWS_", "AMAZON_", "TABARD_")) and name not in KEPT_AWS_VARIABLES:
            assert value == SET[name]


def test_a_server_passes_on_only_the_variables_that_programs_need() -> None:
    base = {
        "PATH": "/bin",
        "LANG": "C",
        "LC_ALL": "C",
        "https_proxy": "http://proxy:3128",
        "HOME": "/root",
        "TABARD_MASTER_KEY": "s",
        "DATABASE_URL": "s",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    assert set(host_environment(base)) == {"PATH", "LANG", "LC_ALL", "https_proxy"}
