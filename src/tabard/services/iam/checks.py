"""The checks that a request to IAM needs: actions, ARNs and condition keys.

An existing entity has its own ARN, with its path. A new one has the ARN that it will have. One that does not
exist has the path `/`.
AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from tabard.access.caller import Caller, CallerKind
from tabard.access.check import Check
from tabard.errors import ValidationError
from tabard.model.tag import Tag
from tabard.names import iam_arn
from tabard.policy import Multivalued
from tabard.services.iam.tags import TagInput
from tabard.services.operation import Facts

Context = Mapping[str, tuple[str, ...]]
EntityKind = Literal["role", "user", "group", "policy", "instance-profile"]
R_contra = TypeVar("R_contra", contravariant=True)
Checks = Callable[[R_contra, Facts], Sequence[Check]]


class NamesRole(Protocol):
    """A request about one role."""

    @property
    def role_name(self) -> str: ...


class NamesUser(Protocol):
    """A request about one user."""

    @property
    def user_name(self) -> str: ...


class NamesGroup(Protocol):
    """A request about one group."""

    @property
    def group_name(self) -> str: ...


class MayNameUser(Protocol):
    """A request about one user, the caller's own if none is named."""

    @property
    def user_name(self) -> str | None: ...


class NamesPolicy(Protocol):
    """A request about one managed policy."""

    @property
    def policy_arn(self) -> str: ...


class NamesGroupAndPolicy(NamesGroup, NamesPolicy, Protocol):
    """A request about a managed policy of one group."""


class NamesPolicySource(Protocol):
    """A request about the policies of a user, a group or a role."""

    @property
    def policy_source_arn(self) -> str: ...


class NamesInstanceProfile(Protocol):
    """A request about one instance profile."""

    @property
    def instance_profile_name(self) -> str: ...


def arn_to_be(kind: EntityKind, name: str, facts: Facts, *, path: str | None = None) -> str:
    """Return the ARN that an entity of this name would have in the caller's account."""
    return iam_arn(
        partition=facts.partition, account_id=facts.account_id, kind=kind, path=path or "/", name=name
    )


def on_everything(action: str) -> Callable[[object, Facts], Sequence[Check]]:
    """Return an action without a resource type: it is allowed on `*` or not at all."""
    return lambda _request, _facts: (Check(action=action, resource="*"),)


def on_role(action: str) -> Callable[[NamesRole, Facts], Sequence[Check]]:
    """Return one check on the role that the request names."""
    return lambda request, facts: (role_check(action, request.role_name, facts),)


def on_group(action: str) -> Callable[[NamesGroup, Facts], Sequence[Check]]:
    """Return one check on the group that the request names."""
    return lambda request, facts: (_group_check(action, request.group_name, facts),)


def on_group_with_policy(action: str) -> Callable[[NamesGroupAndPolicy, Facts], Sequence[Check]]:
    """Return one check on the group, with the managed policy as `iam:PolicyARN`."""
    return lambda request, facts: (
        _group_check(action, request.group_name, facts, {"iam:policyarn": (request.policy_arn,)}),
    )


def on_user(action: str) -> Callable[[NamesUser, Facts], Sequence[Check]]:
    """Return one check on the user that the request names."""
    return lambda request, facts: (user_check(action, request.user_name, facts),)


def on_own_or_named_user(action: str) -> Callable[[MayNameUser, Facts], Sequence[Check]]:
    """Return one check on the user that the request names, or on the caller if it names none."""

    def checks(request: MayNameUser, facts: Facts) -> Sequence[Check]:
        if request.user_name is not None:
            return (user_check(action, request.user_name, facts),)
        refuse_without_user(facts.caller)
        user = facts.snapshot.users.get(facts.caller.owner_id)
        context = entity_tags(user.tags, "aws", "iam") if user is not None else {}
        return (Check(action=action, resource=facts.caller.arn, context=context),)

    return checks


def on_policy(action: str) -> Callable[[NamesPolicy, Facts], Sequence[Check]]:
    """Return one check on the managed policy that the request names."""

    def checks(request: NamesPolicy, facts: Facts) -> Sequence[Check]:
        policy = facts.snapshot.managed_policies.get(request.policy_arn)
        context = entity_tags(policy.tags, "aws") if policy is not None else {}
        return (Check(action=action, resource=request.policy_arn, context=context),)

    return checks


def on_instance_profile(action: str) -> Callable[[NamesInstanceProfile, Facts], Sequence[Check]]:
    """Return one check on the instance profile that the request names."""
    return lambda request, facts: (instance_profile_check(action, request.instance_profile_name, facts),)


def role_check(action: str, name: str, facts: Facts, context: Context | None = None) -> Check:
    """Return a check on the role of this name."""
    role = facts.snapshot.role_named(name)
    if role is None:
        return Check(action=action, resource=arn_to_be("role", name, facts), context=context or {})
    tags = entity_tags(role.tags, "aws", "iam")
    return Check(action=action, resource=role.arn, context={**tags, **(context or {})})


def instance_profile_check(action: str, name: str, facts: Facts, context: Context | None = None) -> Check:
    """Return a check on the instance profile of this name."""
    held = facts.snapshot.instance_profile_named(name)
    if held is None:
        return Check(
            action=action, resource=arn_to_be("instance-profile", name, facts), context=context or {}
        )
    return Check(
        action=action, resource=held.arn, context={**entity_tags(held.tags, "aws"), **(context or {})}
    )


def pass_role_check(role_name: str, facts: Facts, *, associated_resource_arn: str) -> Check:
    """iam:PassRole on the role of this name, to EC2.

    The role's tags are left out: AWS does not let PassRole be limited by them.
    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    role = facts.snapshot.role_named(role_name)
    return Check(
        action="iam:PassRole",
        resource=arn_to_be("role", role_name, facts) if role is None else role.arn,
        context={
            "iam:passedtoservice": ("ec2.amazonaws.com",),
            "iam:associatedresourcearn": (associated_resource_arn,),
        },
    )


def user_check(action: str, name: str, facts: Facts, context: Context | None = None) -> Check:
    """Return a check on the user of this name."""
    user = facts.snapshot.user_named(name)
    if user is None:
        return Check(action=action, resource=arn_to_be("user", name, facts), context=context or {})
    tags = entity_tags(user.tags, "aws", "iam")
    return Check(action=action, resource=user.arn, context={**tags, **(context or {})})


def _group_check(action: str, name: str, facts: Facts, context: Context | None = None) -> Check:
    group = facts.snapshot.group_named(name)
    arn = arn_to_be("group", name, facts) if group is None else group.arn
    return Check(action=action, resource=arn, context=context or {})


def to_make(
    actions: tuple[str, str], arn: str, tags: Sequence[TagInput], context: Context | None = None
) -> tuple[Check, ...]:
    """Checks on a thing that is to be made: making it and, where the request tags it, tagging it.

    `context` is what only the first of them knows.
    AWS: "To create a tagged role, you must have permission to perform iam:CreateRole and iam:TagRole."
    """
    create, tag = actions
    requested = tags_of_request(tags)
    made = Check(action=create, resource=arn, context={**requested, **(context or {})})
    return (made, Check(action=tag, resource=arn, context=requested)) if tags else (made,)


def refuse_without_user(caller: Caller) -> None:
    """Refuse a caller who left out the user name and is no user.

    Raises:
        ValidationError: the caller is neither a user nor the root.
    """
    if caller.kind not in (CallerKind.USER, CallerKind.ROOT):
        raise ValidationError(reason="Must specify userName when calling with non-User credentials")


def entity_tags(tags: Iterable[Tag], *prefixes: Literal["aws", "iam"]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys `aws:ResourceTag/…` and, for roles and users, `iam:ResourceTag/…`."""
    return {f"{prefix}:resourcetag/{tag.key.lower()}": (tag.value,) for tag in tags for prefix in prefixes}


def tags_of_request(tags: Sequence[TagInput]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys `aws:RequestTag/…` and `aws:TagKeys`."""
    if not tags:
        return {}
    context = {f"aws:requesttag/{tag.key.lower()}": (tag.value,) for tag in tags}
    return {**context, **tag_keys_of_request([tag.key for tag in tags])}


def tag_keys_of_request(keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the condition key `aws:TagKeys`."""
    return {"aws:tagkeys": Multivalued(keys)}
