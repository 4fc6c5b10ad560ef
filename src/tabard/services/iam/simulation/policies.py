"""The policies of a simulation: those that come with the request, and those that an entity has.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tabard.model.group import Group
from tabard.model.policies import ManagedPolicy
from tabard.model.role import Role
from tabard.model.user import User
from tabard.names import Arn
from tabard.policy import (
    CompiledPolicies,
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    NamedDocument,
    Span,
    compile_policies,
    parse_document,
    statement_spans,
)
from tabard.services.iam.errors import (
    InvalidInput,
    NoSuchEntity,
    NoSuchGroup,
    NoSuchRole,
    NoSuchUser,
    PolicyEvaluation,
)
from tabard.store.snapshot import Snapshot

SourceType = Literal["user", "group", "role", "aws-managed", "user-managed", "resource", "none"]
EntityKind = Literal["user", "group", "role"]
Holder = User | Group | Role

_ENTITY_KINDS: Mapping[str, EntityKind] = {"user": "user", "group": "group", "role": "role"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A policy that takes part: `name` is its own among those of its layer, `source_id` what AWS calls it.

    `holder` is the name of the user, group or role that an inline policy belongs to.
    """

    name: str
    source_id: str
    source_type: SourceType
    document: Document
    spans: tuple[Span, ...] = field(repr=False)
    holder: str = ""

    @property
    def is_inline(self) -> bool:
        """Whether it is an inline policy of an entity."""
        return bool(self.holder)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicy:
    """A policy of an entity as it is stored; the members are those of its `Source`."""

    name: str
    source_id: str
    source_type: SourceType
    text: str
    holder: str = ""

    def source(self) -> Source:
        """Return the policy, parsed. Raises PolicyEvaluation."""
        try:
            document = parse_document(self.text, kind=DocumentKind.IDENTITY)
        except MalformedPolicyDocument as error:
            raise PolicyEvaluation(policy=self.source_id, reason=error.message) from None
        return Source(
            name=self.name,
            source_id=self.source_id,
            source_type=self.source_type,
            document=document,
            spans=statement_spans(self.text),
            holder=self.holder,
        )


def compiled(sources: Sequence[Source]) -> CompiledPolicies:
    """Return the policies of one layer, under the sources' names."""
    return compile_policies([NamedDocument(source.name, source.document) for source in sources])


def given_policies(texts: Iterable[str], *, parameter: str, kind: DocumentKind) -> tuple[Source, ...]:
    """Return the policies of a parameter of the request, called `PolicyInputList.1` and so on.

    Raises:
        InvalidInput: with the sentence in which a document is refused.
    """
    return tuple(
        given_policy(text, name=f"{parameter}.{number}", kind=kind) for number, text in enumerate(texts, 1)
    )


def given_policy(text: str, *, name: str, kind: DocumentKind) -> Source:
    """Return one policy of the request. Raises InvalidInput."""
    try:
        document = parse_document(text, kind=kind)
    except MalformedPolicyDocument as error:
        raise InvalidInput(reason=f"{name}: {error.message}") from None
    source_type: SourceType = "resource" if kind is DocumentKind.RESOURCE else "none"
    return Source(
        name=name,
        source_id=name,
        source_type=source_type,
        document=document,
        spans=statement_spans(text),
    )


def entity_of(text: str, snapshot: Snapshot) -> Holder:
    """Return the user, group or role that an ARN names.

    Raises:
        InvalidInput: the ARN is of something else. NoSuchUser, NoSuchGroup, NoSuchRole.
    """
    kind, name = entity_name(text)
    found: Holder | None
    missing: NoSuchEntity
    if kind == "user":
        found, missing = snapshot.user_named(name), NoSuchUser(user_name=name)
    elif kind == "group":
        found, missing = snapshot.group_named(name), NoSuchGroup(group_name=name)
    else:
        found, missing = snapshot.role_named(name), NoSuchRole(role_name=name)
    if found is None or found.arn != text:
        raise missing
    return found


def entity_name(text: str) -> tuple[EntityKind, str]:
    """Return the kind of entity that an ARN names, and its name.

    Raises:
        InvalidInput: "You cannot specify the ARN of an assumed role, federated user, or a service principal."
    """
    arn = Arn.parse(text)
    if arn is not None and arn.service == "iam" and not arn.region:
        kind, _, rest = arn.resource.partition("/")
        name = rest.rpartition("/")[2]
        known = _ENTITY_KINDS.get(kind)
        if name and known is not None:
            return known, name
    raise InvalidInput(reason=f"Invalid Entity Arn: {text} does not clearly define entity type and name.")


def identity_policies(holder: Holder, snapshot: Snapshot) -> tuple[Source, ...]:
    """Return every policy of an entity; of a user, those of its groups too. A managed one is there once.

    Raises:
        PolicyEvaluation (500): a policy, or a group, is not what the store should hold.
    """
    return tuple(policy.source() for policy in stored_identity_policies(holder, snapshot))


def stored_identity_policies(holder: Holder, snapshot: Snapshot) -> tuple[StoredPolicy, ...]:
    """Return the same, as they are stored. Raises PolicyEvaluation."""
    holders: list[Holder] = [holder]
    if isinstance(holder, User):
        for group_id in holder.group_ids:
            group = snapshot.groups.get(group_id)
            if group is None:
                raise PolicyEvaluation(policy=group_id, reason="the user's group does not exist")
            holders.append(group)
    found: dict[str, StoredPolicy] = {}
    for each in holders:
        for policy in _policies_of(each, snapshot):
            found.setdefault(policy.name, policy)
    return tuple(found.values())


def boundary_of(holder: Holder, snapshot: Snapshot) -> tuple[Source, ...]:
    """Return the permissions boundary of a user or role, if it has one. Raises PolicyEvaluation."""
    return tuple(policy.source() for policy in stored_boundary_of(holder, snapshot))


def stored_boundary_of(holder: Holder, snapshot: Snapshot) -> tuple[StoredPolicy, ...]:
    """Return the same, as it is stored. Raises PolicyEvaluation."""
    arn = None if isinstance(holder, Group) else holder.permissions_boundary_arn
    return () if arn is None else (_managed(arn, snapshot),)


def _policies_of(holder: Holder, snapshot: Snapshot) -> Iterator[StoredPolicy]:
    kind: EntityKind = (
        "user" if isinstance(holder, User) else "group" if isinstance(holder, Group) else "role"
    )
    for inline in holder.inline_policies:
        name = f"{kind}_{holder.name}_{inline.name}"
        yield StoredPolicy(
            name=name, source_id=name, source_type=kind, text=inline.document, holder=holder.name
        )
    for arn in holder.attached_policy_arns:
        yield _managed(arn, snapshot)


def _managed(arn: str, snapshot: Snapshot) -> StoredPolicy:
    policy: ManagedPolicy | None = snapshot.managed_policies.get(arn)
    if policy is None:
        raise PolicyEvaluation(policy=arn, reason="the attached policy does not exist")
    source_type: SourceType = "aws-managed" if policy.account_id == "aws" else "user-managed"
    return StoredPolicy(
        name=arn, source_id=policy.name, source_type=source_type, text=policy.default_version.document
    )
