"""The kinds of aggregates in snapshots: one row each.

Loading, deltas, the journal and transactions loop over this table; so does the in-memory store of the tests.
Only `Snapshot` names the kinds again, as typed attributes. `ports.Transaction` gives the port of each kind.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tabard.store.changes import Journal, TransactionScope
from tabard.store.rows.account_aliases import SqlAccountAliases
from tabard.store.rows.associations import SqlAssociations
from tabard.store.rows.hosts import SqlHosts
from tabard.store.rows.images import SqlImages
from tabard.store.rows.installation import SqlInstallation
from tabard.store.rows.instance_profiles import SqlInstanceProfiles
from tabard.store.rows.instances import SqlInstances
from tabard.store.rows.join_tokens import SqlJoinTokens
from tabard.store.rows.key_pairs import SqlKeyPairs
from tabard.store.rows.keys import SqlAccessKeys, SqlSealingKeys
from tabard.store.rows.managed_policies import SqlManagedPolicies
from tabard.store.rows.organizations import SqlOrganizations
from tabard.store.rows.revocations import SqlRevocations, revocation_key
from tabard.store.rows.roles import SqlRoles
from tabard.store.rows.users import SqlGroups, SqlUsers


class Rows(Protocol):
    """The port of one kind over its rows. Snapshots read through it too."""

    def read(self, keys: Collection[Any] | None = None, /) -> Mapping[Any, Any]:
        """Read the existing aggregates of these keys, or all of them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of aggregate.

    `name` is its name in the journal. `field` is the attribute of `Snapshot` and of `Transaction`. `rows`
    makes the port for one transaction. `key` parses the snapshot's key from the journal's text. Kinds that
    are not `of_account` belong to the installation, with all its accounts.
    """

    name: str
    field: str
    rows: Callable[[Journal], Rows]
    key: Callable[[str], Any] = str
    of_account: bool = True

    def port(self, scope: TransactionScope) -> Rows:
        """Make the port for one transaction."""
        return self.rows(Journal(scope, self.name, self.of_account))


KINDS = (
    Kind("user", "users", SqlUsers),
    Kind("group", "groups", SqlGroups),
    Kind("role", "roles", SqlRoles),
    Kind("managed-policy", "managed_policies", SqlManagedPolicies),
    Kind("instance-profile", "instance_profiles", SqlInstanceProfiles),
    Kind("instance", "instances", SqlInstances),
    Kind("association", "associations", SqlAssociations),
    Kind("image", "images", SqlImages),
    Kind("host", "hosts", SqlHosts),
    Kind("join-token", "join_tokens", SqlJoinTokens),
    Kind("key-pair", "key_pairs", SqlKeyPairs),
    Kind("access-key", "access_keys", SqlAccessKeys),
    Kind("sealing-key", "sealing_keys", SqlSealingKeys, int, of_account=False),
    Kind("revocation", "revocations", SqlRevocations, revocation_key),
    Kind("installation", "installation", SqlInstallation, of_account=False),
    Kind("organization", "organizations", SqlOrganizations, of_account=False),
    Kind("account-alias", "account_aliases", SqlAccountAliases),
)
