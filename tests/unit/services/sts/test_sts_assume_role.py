"""AssumeRole: for whom, for how long, narrowed by what."""

from datetime import timedelta

import msgspec
import pytest

from tabard.credentials.token import open_token
from tabard.errors import AwsError
from tabard.model.session import Session
from tests.support.one_account import ACCOUNT_ID, NOW, TRUSTS_ACCOUNT, TRUSTS_EC2, Account, allow

ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/app/job"
REQUEST = {"RoleArn": ARN, "RoleSessionName": "me"}
INSTANCE_ID = "i-0123456789abcdef0"


def _trusting(principal_arn: str, *, actions: str = "sts:AssumeRole", **condition: object) -> str:
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Principal": {"AWS": principal_arn},
        "Action": actions,
    }
    if condition:
        statement["Condition"] = condition
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()


def _make(account: Account, trust: str, **more: object) -> None:
    account.call(
        "iam",
        "CreateRole",
        {"RoleName": "job", "Path": "/app/", "AssumeRolePolicyDocument": trust, **more},
    )


@pytest.fixture
def with_job(account: Account) -> Account:
    _make(account, TRUSTS_ACCOUNT, MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "a"}])
    return account


def _opened(account: Account, answer: object) -> Session:
    return open_token(answer["Credentials"]["SessionToken"], account.keyring)


def test_a_session_is_answered_with_its_credentials_and_its_user(with_job: Account) -> None:
    answer = with_job.call("sts", "AssumeRole", REQUEST)
    role = with_job.snapshot.role_named("job")
    assert role is not None
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert credentials["Expiration"] == NOW + timedelta(hours=1)
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role.role_id}:me",
        "Arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/job/me",
    }
    assert "PackedPolicySize" not in answer
    session = _opened(with_job, answer)
    assert session.secret_access_key == credentials["SecretAccessKey"]
    assert (session.role_id, session.session_name, session.instance) == (role.role_id, "me", None)


@pytest.mark.parametrize(
    ("wire_input", "code", "sentence"),
    [
        (
            {"DurationSeconds": 7201},
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        ({"RoleArn": "no-arn-at-all-but-long"}, "ValidationError", "no-arn-at-all-but-long is invalid"),
        (
            {"RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:user/admin"},
            "ValidationError",
            f"arn:aws:iam::{ACCOUNT_ID}:user/admin is invalid",
        ),
        ({"Policy": "{"}, "MalformedPolicyDocument", "Syntax errors in policy."),
        ({"Policy": TRUSTS_EC2}, "MalformedPolicyDocument", None),
        ({"Policy": " " * 2049}, "PackedPolicyTooLarge", None),
        (
            {"PolicyArns": [{"arn": f"arn:aws:iam::{ACCOUNT_ID}:policy/absent"}]},
            "ValidationError",
            f"Policy arn:aws:iam::{ACCOUNT_ID}:policy/absent does not exist or is not attachable.",
        ),
        (
            {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}] * 11},
            "ValidationError",
            "A session takes 10 managed policies at most.",
        ),
        (
            {"Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]},
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        (
            {"Tags": [{"Key": "aws:a", "Value": ""}]},
            "InvalidParameterValue",
            "The session tag 'aws:a' uses the reserved prefix aws: in its key or value.",
        ),
        (
            {"SourceIdentity": "aws:me"},
            "ValidationError",
            "A source identity may not begin with the reserved prefix aws:.",
        ),
        (
            {"SerialNumber": f"arn:aws:iam::{ACCOUNT_ID}:mfa/admin", "TokenCode": "123456"},
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        ),
        (
            {"TransitiveTagKeys": ["b"], "Tags": [{"Key": "a", "Value": ""}]},
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.",
        ),
        (
            {"ProvidedContexts": [{"ProviderArn": "a", "ContextAssertion": "b"}]},
            "ValidationError",
            "Provided contexts are not supported; leave ProvidedContexts out.",
        ),
        (
            {"MinimumSessionTokenSize": 4096},
            "ValidationError",
            "A minimum session token size is not supported; leave MinimumSessionTokenSize out.",
        ),
    ],
)
def test_refusals_of_assume_role(
    with_job: Account, wire_input: dict[str, object], code: str, sentence: str | None
) -> None:
    with pytest.raises(AwsError) as refused:
        with_job.call("sts", "AssumeRole", {**REQUEST, **wire_input})
    assert refused.value.error_code == code
    assert sentence is None or refused.value.message == sentence


def test_a_session_lives_as_long_as_asked_within_the_roles_bound(with_job: Account) -> None:
    for seconds in (900, 7200):
        answer = with_job.call("sts", "AssumeRole", {**REQUEST, "DurationSeconds": seconds})
        assert answer["Credentials"]["Expiration"] == NOW + timedelta(seconds=seconds)


def test_the_root_may_not(with_job: Account) -> None:
    with pytest.raises(AwsError) as refused:
        with_job.call("sts", "AssumeRole", REQUEST, as_=with_job.root)
    assert (refused.value.error_code, refused.value.message) == (
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    )


def test_a_host_may_not_even_where_everybody_is_trusted(account: Account) -> None:
    _make(account, _trusting("*"))
    with pytest.raises(AwsError) as refused:
        account.call("sts", "AssumeRole", REQUEST, as_=account.host)
    assert refused.value.error_code == "AccessDenied"


@pytest.mark.parametrize("trust", [TRUSTS_EC2, _trusting(f"arn:aws:iam::{ACCOUNT_ID}:user/somebody-else")])
def test_leave_of_ones_own_is_not_enough_without_the_roles_trust(account: Account, trust: str) -> None:
    account.add_user("somebody-else")
    _make(account, trust)
    with pytest.raises(AwsError) as refused:
        account.call("sts", "AssumeRole", REQUEST)
    assert refused.value.error_code == "AccessDenied"


def test_a_role_that_is_not_there_answers_as_one_that_does_not_trust(account: Account) -> None:
    _make(account, TRUSTS_EC2)
    absent = ARN.replace("job", "gone")
    callers = (account.admin, account.add_user("nobody"))
    for caller in callers:
        answers = []
        for arn in (ARN, absent, ARN.replace("/app/", "/"), ARN.replace("job", "JOB")):
            with pytest.raises(AwsError) as refused:
                account.call("sts", "AssumeRole", {**REQUEST, "RoleArn": arn}, as_=caller)
            answers.append((refused.value.error_code, refused.value.message.replace(arn, "ARN")))
        assert len(set(answers)) == 1


def test_trust_in_the_account_leaves_it_to_the_callers_own_policies(with_job: Account) -> None:
    nobody = with_job.add_user("nobody")
    somebody = with_job.add_user("somebody", allow("sts:AssumeRole", resource=ARN))
    with pytest.raises(AwsError, match="not authorized to perform: sts:AssumeRole"):
        with_job.call("sts", "AssumeRole", REQUEST, as_=nobody)
    with_job.call("sts", "AssumeRole", REQUEST, as_=somebody)


def test_trust_in_a_user_by_name_is_enough(account: Account) -> None:
    alice = account.add_user("alice")
    _make(account, _trusting(alice.arn))
    account.call("sts", "AssumeRole", REQUEST, as_=alice)


def test_trust_may_ask_for_an_external_id_and_a_session_name(account: Account) -> None:
    alice = account.add_user("alice")
    condition = {"StringEquals": {"sts:ExternalId": "4711", "sts:RoleSessionName": "me"}}
    _make(account, _trusting(alice.arn, **condition))
    for more, is_allowed in (
        ({}, False),
        ({"ExternalId": "4712"}, False),
        ({"ExternalId": "4711", "RoleSessionName": "you"}, False),
        ({"ExternalId": "4711"}, True),
    ):
        if is_allowed:
            account.call("sts", "AssumeRole", {**REQUEST, **more}, as_=alice)
        else:
            with pytest.raises(AwsError, match="not authorized"):
                account.call("sts", "AssumeRole", {**REQUEST, **more}, as_=alice)


@pytest.mark.parametrize("instance_id", ["", INSTANCE_ID])
def test_an_assumed_role_chains_for_an_hour_at_most(with_job: Account, instance_id: str) -> None:
    with_job.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    with_job.call(
        "iam",
        "PutRolePolicy",
        {"RoleName": "web", "PolicyName": "p", "PolicyDocument": allow("sts:AssumeRole")},
    )
    caller = with_job.session("web", instance_id=instance_id)
    with pytest.raises(AwsError) as refused:
        with_job.call("sts", "AssumeRole", {**REQUEST, "DurationSeconds": 3601}, as_=caller)
    assert (refused.value.error_code, refused.value.message) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    answer = with_job.call("sts", "AssumeRole", {**REQUEST, "DurationSeconds": 3600}, as_=caller)
    assert _opened(with_job, answer).instance is None


def test_session_policies_travel_in_the_session_and_narrow_it(with_job: Account) -> None:
    with_job.call(
        "iam",
        "PutRolePolicy",
        {"RoleName": "job", "PolicyName": "p", "PolicyDocument": allow("iam:ListRoles", "iam:ListUsers")},
    )
    managed = with_job.call(
        "iam", "CreatePolicy", {"PolicyName": "users", "PolicyDocument": allow("iam:ListUsers")}
    )["Policy"]["Arn"]
    for narrowing, can_list_roles in (
        ({"Policy": allow("iam:ListRoles")}, True),
        ({"PolicyArns": [{"arn": managed}]}, False),
        ({"Policy": allow("iam:ListRoles"), "PolicyArns": [{"arn": managed}]}, True),
    ):
        answer = with_job.call("sts", "AssumeRole", {**REQUEST, **narrowing})
        assert 1 <= answer["PackedPolicySize"] <= 100
        session = _opened(with_job, answer)
        assert (len(session.session_policies), len(session.session_policy_arns)) == (
            "Policy" in narrowing,
            "PolicyArns" in narrowing,
        )
        caller = with_job.session(
            "job",
            session_policies=session.session_policies,
            session_policy_arns=session.session_policy_arns,
        )
        if can_list_roles:
            with_job.call("iam", "ListRoles", as_=caller)
        else:
            with pytest.raises(AwsError, match="no session policy allows the iam:ListRoles action"):
                with_job.call("iam", "ListRoles", as_=caller)


def test_a_managed_session_policy_is_what_it_is_at_each_request_whatever_its_size(with_job: Account) -> None:
    with_job.call(
        "iam",
        "PutRolePolicy",
        {"RoleName": "job", "PolicyName": "p", "PolicyDocument": allow("iam:ListRoles", "iam:ListUsers")},
    )
    arns = []
    for name in ("one", "two"):
        wide = allow("iam:ListUsers", resource=["*", f"arn:aws:s3:::{name * 1_900}"])
        made = with_job.call("iam", "CreatePolicy", {"PolicyName": name, "PolicyDocument": wide})
        arns.append(made["Policy"]["Arn"])
    answer = with_job.call("sts", "AssumeRole", {**REQUEST, "PolicyArns": [{"arn": arn} for arn in arns]})
    caller = with_job.session("job", session_policy_arns=_opened(with_job, answer).session_policy_arns)
    with_job.call("iam", "ListUsers", as_=caller)
    with pytest.raises(AwsError, match="no session policy allows the iam:ListRoles action"):
        with_job.call("iam", "ListRoles", as_=caller)
    with_job.call(
        "iam",
        "CreatePolicyVersion",
        {"PolicyArn": arns[0], "PolicyDocument": allow("iam:ListRoles"), "SetAsDefault": True},
    )
    with_job.call("iam", "ListRoles", as_=caller)
    with_job.call("iam", "DeletePolicy", {"PolicyArn": arns[1]})
    with pytest.raises(AwsError, match="with an explicit deny in a session policy"):
        with_job.call("iam", "ListRoles", as_=caller)


def test_transitive_tags_pass_along_a_chain_and_cannot_be_overridden(with_job: Account) -> None:
    """AWS: id_session-tags.html, "Chaining roles with session tags"."""
    tags = [{"Key": "Project", "Value": "a"}, {"Key": "Stage", "Value": "test"}]
    more = {"Tags": tags, "TransitiveTagKeys": ["project"]}
    for check in with_job.checks("sts", "AssumeRole", {**REQUEST, **more}):
        assert check.context["sts:transitivetagkeys"] == ("project",)
    first = _opened(with_job, with_job.call("sts", "AssumeRole", {**REQUEST, **more}))
    assert first.transitive_tag_keys == ("project",)
    with_job.call(
        "iam", "PutRolePolicy", {"RoleName": "job", "PolicyName": "p", "PolicyDocument": allow("sts:*")}
    )
    chained = with_job.session("job", tags=first.tags, transitive_tag_keys=first.transitive_tag_keys)
    asked = [check.action for check in with_job.checks("sts", "AssumeRole", REQUEST, as_=chained)]
    assert asked == ["sts:AssumeRole", "sts:TagSession"]
    answer = with_job.call(
        "sts", "AssumeRole", {**REQUEST, "Tags": [{"Key": "Stage", "Value": "live"}]}, as_=chained
    )
    second = _opened(with_job, answer)
    assert second.tags == (("Project", "a"), ("Stage", "live"))
    assert second.transitive_tag_keys == ("Project",)
    with pytest.raises(AwsError) as refused:
        with_job.call(
            "sts", "AssumeRole", {**REQUEST, "Tags": [{"Key": "PROJECT", "Value": "b"}]}, as_=chained
        )
    assert refused.value.error_code == "InvalidParameterValue"
    assert "conflicts with a transitive tag key from the calling session" in refused.value.message


def test_inherited_and_requested_tags_together_are_fifty_at_most(with_job: Account) -> None:
    with_job.call(
        "iam", "PutRolePolicy", {"RoleName": "job", "PolicyName": "p", "PolicyDocument": allow("sts:*")}
    )
    chained = with_job.session("job", tags=(("a", ""), ("b", "")), transitive_tag_keys=("a",))
    fifty = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    with_job.call("sts", "AssumeRole", {**REQUEST, "Tags": fifty[:49]}, as_=chained)
    with pytest.raises(AwsError, match="A session has 50 tags at most"):
        with_job.call("sts", "AssumeRole", {**REQUEST, "Tags": fifty}, as_=chained)


def test_session_tags_need_leave_and_travel_in_the_session(with_job: Account) -> None:
    tags = {"Tags": [{"Key": "Stage", "Value": "test"}]}
    untagging = with_job.add_user("untagging", allow("sts:AssumeRole"))
    with pytest.raises(AwsError, match="not authorized to perform: sts:TagSession"):
        with_job.call("sts", "AssumeRole", {**REQUEST, **tags}, as_=untagging)
    answer = with_job.call("sts", "AssumeRole", {**REQUEST, **tags})
    assert _opened(with_job, answer).tags == (("Stage", "test"),)
    assert answer["PackedPolicySize"] >= 1
    assume, tag = with_job.checks("sts", "AssumeRole", {**REQUEST, **tags})
    assert (assume.action, tag.action) == ("sts:AssumeRole", "sts:TagSession")
    assert assume.context == {
        "sts:rolesessionname": ("me",),
        "aws:requesttag/stage": ("test",),
        "aws:tagkeys": ("Stage",),
        "aws:resourcetag/team": ("a",),
        "iam:resourcetag/team": ("a",),
    }


def test_a_source_identity_needs_leave_and_cannot_be_changed_by_chaining(with_job: Account) -> None:
    plain = with_job.add_user("plain", allow("sts:AssumeRole"))
    with pytest.raises(AwsError, match="not authorized to perform: sts:SetSourceIdentity"):
        with_job.call("sts", "AssumeRole", {**REQUEST, "SourceIdentity": "alice"}, as_=plain)
    answer = with_job.call("sts", "AssumeRole", {**REQUEST, "SourceIdentity": "alice"})
    assert answer["SourceIdentity"] == "alice"
    assert _opened(with_job, answer).source_identity == "alice"
    with_job.call(
        "iam", "PutRolePolicy", {"RoleName": "job", "PolicyName": "p", "PolicyDocument": allow("sts:*")}
    )
    chained = with_job.session("job", source_identity="alice")
    answer = with_job.call("sts", "AssumeRole", REQUEST, as_=chained)
    assert _opened(with_job, answer).source_identity == "alice"
    with pytest.raises(AwsError) as refused:
        with_job.call("sts", "AssumeRole", {**REQUEST, "SourceIdentity": "bob"}, as_=chained)
    assert refused.value.message == "The source identity is already set for this assume role session."


def test_a_role_deleted_before_the_session_is_made_answers_as_a_denied_one(with_job: Account) -> None:
    permit = with_job.permit(with_job.admin, *with_job.checks("sts", "AssumeRole", REQUEST), service="sts")
    with_job.call("iam", "DeleteRole", {"RoleName": "job"})
    with pytest.raises(AwsError) as refused:
        with_job.perform_with("sts", "AssumeRole", permit, REQUEST)
    assert refused.value.error_code == "AccessDenied"


def test_no_repr_of_an_answered_session_tells_its_secret(with_job: Account) -> None:
    answer = with_job.call("sts", "AssumeRole", REQUEST)
    assert answer["Credentials"]["SecretAccessKey"] not in repr(_opened(with_job, answer))
