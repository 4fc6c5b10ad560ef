"""The snapshot: an immutable, versioned copy of the store in an edge's memory, for the hot path.

A request uses one snapshot from beginning to end; a change makes the next one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tabard.model.access_key import AccessKey
from tabard.model.account_alias import AccountAlias
from tabard.model.association import Association
from tabard.model.group import Group
from tabard.model.host import Host
from tabard.model.instance import Image, Instance
from tabard.model.instance_profile import InstanceProfile
from tabard.model.join_token import JoinToken
from tabard.model.key_pair import KeyPair
from tabard.model.organization import Organization
from tabard.model.policies import ManagedPolicy
from tabard.model.revocation import Revocation, RevocationSubject
from tabard.model.role import Role
from tabard.model.sealing_key import SealingKey
from tabard.model.session import Session
from tabard.model.user import User
from tabard.policy import CompiledPolicies, DocumentKind
from tabard.store.builtin_policies import (
    ALLOW_ALL,
    ENROLLMENT_POLICY_NAME,
    HOST_POLICY_NAME,
    ROOT_POLICY_NAME,
    host_policy,
    join_token_policy,
)
from tabard.store.compiled_policies import NO_POLICIES as NO_POLICIES
from tabard.store.compiled_policies import (
    Documents,
    PolicyText,
    compile_identity_policies,
    compile_trust_policy,
    refuse_everything,
)
from tabard.store.compiled_policies import compile_session_policies as compile_session_policies
from tabard.store.controls import NO_CONTROLS, Controls
from tabard.store.listings import Key
from tabard.store.snapshot_indexes import Indexes

RevocationKey = tuple[RevocationSubject, str]

_NONE: Mapping[Any, Any] = MappingProxyType({})


def _nothing() -> Mapping[Any, Any]:
    """Return a factory, because Python 3.11 refuses a mapping as the default of a field."""
    return _NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All data that an edge needs to decide and to mint, at one version of the store.

    Users, groups, roles, instance profiles, instances, associations, images, hosts, join tokens, key pairs,
    access keys and sealing keys are keyed by id, managed policies by ARN, installation settings by name.
    `account_id` is empty before the installation has one. `organizations` contains at most one, by its id,
    and `controls` its controls on the account.

    INVARIANT: no mapping changes once its snapshot is made; a change copies. A copy begins with empty caches
    of compiled policies, hence `init=False`.
    """

    version: int
    account_id: str
    partition: str
    users: Mapping[str, User] = field(default_factory=_nothing)
    groups: Mapping[str, Group] = field(default_factory=_nothing)
    roles: Mapping[str, Role] = field(default_factory=_nothing)
    managed_policies: Mapping[str, ManagedPolicy] = field(default_factory=_nothing)
    instance_profiles: Mapping[str, InstanceProfile] = field(default_factory=_nothing)
    instances: Mapping[str, Instance] = field(default_factory=_nothing)
    associations: Mapping[str, Association] = field(default_factory=_nothing)
    images: Mapping[str, Image] = field(default_factory=_nothing)
    hosts: Mapping[str, Host] = field(default_factory=_nothing)
    join_tokens: Mapping[str, JoinToken] = field(default_factory=_nothing)
    key_pairs: Mapping[str, KeyPair] = field(default_factory=_nothing)
    access_keys: Mapping[str, AccessKey] = field(default_factory=_nothing)
    sealing_keys: Mapping[int, SealingKey] = field(default_factory=_nothing)
    revocations: Mapping[RevocationKey, Revocation] = field(default_factory=_nothing, repr=False)
    installation: Mapping[str, str] = field(default_factory=_nothing, repr=False)
    organizations: Mapping[str, Organization] = field(default_factory=_nothing, repr=False)
    account_aliases: Mapping[str, AccountAlias] = field(default_factory=_nothing)
    controls: Controls = field(default=NO_CONTROLS, repr=False, compare=False)
    indexes: Indexes = field(default=Indexes(), repr=False)
    _compiled: dict[str, CompiledPolicies] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def role_named(self, name: str) -> Role | None:
        """Find a role by its name, without regard to case."""
        role_id = self.indexes.role_ids.get(name.lower())
        return None if role_id is None else self.roles[role_id]

    def user_named(self, name: str) -> User | None:
        """Find a user by its name, without regard to case."""
        user_id = self.indexes.user_ids.get(name.lower())
        return None if user_id is None else self.users[user_id]

    def group_named(self, name: str) -> Group | None:
        """Find a group by its name, without regard to case."""
        group_id = self.indexes.group_ids.get(name.lower())
        return None if group_id is None else self.groups[group_id]

    def users_in(self, group_id: str, *, after: Key | None = None) -> Iterator[User]:
        """Yield the users in a group after a key, by name."""
        members = self.indexes.users_by_group.get(group_id)
        return iter(()) if members is None else (user for _, user in members.after(after))

    def instance_profile_named(self, name: str) -> InstanceProfile | None:
        """Find an instance profile by its name, without regard to case."""
        profile_id = self.indexes.instance_profile_ids.get(name.lower())
        return None if profile_id is None else self.instance_profiles[profile_id]

    def instance_profiles_holding(self, role_id: str) -> tuple[InstanceProfile, ...]:
        """Return the instance profiles with a role, by id."""
        held_by = self.indexes.instance_profiles_by_role.get(role_id, ())
        return tuple(self.instance_profiles[profile_id] for profile_id in held_by)

    def active_association_of(self, instance_id: str) -> Association | None:
        """Find the only association of an instance that is `associating` or `associated`."""
        for association_id in self.indexes.associations_by_instance.get(instance_id, ()):
            association = self.associations[association_id]
            if association.is_active:
                return association
        return None

    def key_pair_named(self, region: str, name: str) -> KeyPair | None:
        """Find a key pair by its exact name in a region."""
        found = self.indexes.key_pairs_by_region_and_name.get(f"{region} {name}", ())
        return self.key_pairs[found[0]] if found else None

    def instances_on_host(self, host_id: str) -> tuple[Instance, ...]:
        """Return the instances on a host, by id."""
        return tuple(self.instances[key] for key in self.indexes.instances_by_host.get(host_id, ()))

    def access_keys_of(self, owner_id: str) -> tuple[AccessKey, ...]:
        """Return the long-term keys of a user, a host, or the root (owner: the account id), by id."""
        return tuple(self.access_keys[key] for key in self.indexes.access_keys_by_owner.get(owner_id, ()))

    def attachment_count(self, policy_arn: str) -> int:
        """Count the users, groups and roles to which a managed policy is attached."""
        return len(self.indexes.holders_by_policy.get(policy_arn, ()))

    def boundary_count(self, policy_arn: str) -> int:
        """Count the users and roles with a managed policy as their permissions boundary."""
        return len(self.indexes.bounded_by_policy.get(policy_arn, ()))

    def revoked_at(self, subject: RevocationSubject, subject_id: str) -> datetime | None:
        """Return the time at or before which issued sessions of this subject are refused, or None."""
        revocation = self.revocations.get((subject, subject_id))
        return None if revocation is None else revocation.not_before

    def identity_policies(self, owner_id: str) -> CompiledPolicies:
        """Return the policies of a user, role, host or join token (by id), or the root (the account id).

        A user also has the policies of its groups.

        An owner that does not exist has no permissions. If one document of a set cannot be evaluated, the
        whole set denies everything, and the decision names that document.
        """
        compiled = self._compiled.get(owner_id)
        if compiled is None:
            compiled = self._granted_to(owner_id)
            if compiled is not NO_POLICIES:
                self._compiled[owner_id] = compiled
        return compiled

    def permissions_boundary(self, owner_id: str) -> CompiledPolicies | None:
        """Return the permissions boundary of a user or role (by id), or None."""
        holder = self.roles.get(owner_id) or self.users.get(owner_id)
        arn = None if holder is None else holder.permissions_boundary_arn
        if arn is None:
            return None
        policy = self.managed_policies.get(arn)
        if policy is None:
            return refuse_everything(arn, "the permissions boundary does not exist", DocumentKind.IDENTITY)
        return compile_identity_policies((default_text(policy),))

    def session_policies(self, session: Session) -> CompiledPolicies | None:
        """Return the session policies of a session, or None. Managed policies use their default versions."""
        managed: Documents = ()
        for arn in session.session_policy_arns:
            policy = self.managed_policies.get(arn)
            if policy is None:
                return refuse_everything(arn, "the session policy does not exist", DocumentKind.SESSION)
            managed += (default_text(policy),)
        if not managed and not session.session_policies:
            return None
        return compile_session_policies(session.session_policies, managed)

    def trust_policy(self, role_id: str) -> CompiledPolicies:
        """Return a role's trust policy; it denies everybody if the role does not exist."""
        role = self.roles.get(role_id)
        return NO_POLICIES if role is None else compile_trust_policy(role.trust_policy, role.trusted)

    def _granted_to(self, owner_id: str) -> CompiledPolicies:
        if (role := self.roles.get(owner_id)) is not None:
            return self._held_by(role)
        if (user := self.users.get(owner_id)) is not None:
            return self._held_by_user(user)
        if owner_id and owner_id == self.account_id:
            return compile_identity_policies(((ROOT_POLICY_NAME, ALLOW_ALL),))
        host = self.hosts.get(owner_id)
        if host is not None:
            return compile_identity_policies(((HOST_POLICY_NAME, host_policy(host)),))
        token = self.join_tokens.get(owner_id)
        if token is not None:
            return compile_identity_policies(((ENROLLMENT_POLICY_NAME, join_token_policy(token)),))
        return NO_POLICIES

    def _held_by_user(self, user: User) -> CompiledPolicies:
        groups: list[Group] = []
        for group_id in user.group_ids:
            group = self.groups.get(group_id)
            if group is None:
                return refuse_everything(group_id, "the user's group does not exist", DocumentKind.IDENTITY)
            groups.append(group)
        return self._held_by(user, *groups)

    def _held_by(self, *holders: User | Group | Role) -> CompiledPolicies:
        """Return every policy of these holders; a shared managed policy counts once."""
        documents: dict[str, PolicyText] = {}
        for holder in holders:
            # An inline policy's name has no slash, so a group's policy never collides with the user's own.
            prefix = f"{holder.name}/" if isinstance(holder, Group) else ""
            for inline in holder.inline_policies:
                name = prefix + inline.name
                documents[name] = PolicyText(name, inline.document)
            for arn in holder.attached_policy_arns:
                policy = self.managed_policies.get(arn)
                if policy is None:
                    return refuse_everything(arn, "the attached policy does not exist", DocumentKind.IDENTITY)
                documents[arn] = default_text(policy)
        return compile_identity_policies(tuple(documents.values()))


def default_text(policy: ManagedPolicy) -> PolicyText:
    """Return the default version of a managed policy."""
    version = policy.default_version
    return PolicyText(policy.arn, version.document, version.version_id)
