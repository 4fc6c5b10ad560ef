"""The organisation ⇄ rows of three tables, written and read as one."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from tabard.model.organization import (
    ControlPolicy,
    ControlType,
    NodeKind,
    Organization,
    OrganizationNode,
)
from tabard.store.changes import ChangeKind, Journal
from tabard.store.schema import control_policies, organization_nodes, organizations

_ALL = select(organizations)
_POLICIES = select(control_policies).order_by(control_policies.c.position)
_NODES = select(organization_nodes).order_by(organization_nodes.c.position)
_TABLES = (control_policies, organization_nodes, organizations)


def read_organizations(
    connection: Connection, organization_ids: Collection[str] | None = None
) -> dict[str, Organization]:
    """The organisation, by its id, if there is one and it is asked for."""
    row = connection.execute(_ALL).one_or_none()
    if row is None or (organization_ids is not None and row.organization_id not in organization_ids):
        return {}
    organization = Organization(
        organization_id=row.organization_id,
        management_account_id=row.management_account_id,
        policies=tuple(_policy(policy) for policy in connection.execute(_POLICIES)),
        nodes=tuple(_node(node) for node in connection.execute(_NODES)),
    )
    return {organization.organization_id: organization}


@dataclass(frozen=True, slots=True)
class SqlOrganizations:
    """Satisfies `ports.Organizations`."""

    journal: Journal

    def get(self) -> Organization | None:
        return next(iter(read_organizations(self.journal.connection).values()), None)

    def put(self, organization: Organization) -> None:
        self.delete()
        with self.journal.write(ChangeKind.ORGANIZATION, organization.organization_id) as connection:
            connection.execute(
                insert(organizations),
                {
                    "organization_id": organization.organization_id,
                    "management_account_id": organization.management_account_id,
                },
            )
            if organization.policies:
                connection.execute(insert(control_policies), list(_policy_rows(organization)))
            connection.execute(insert(organization_nodes), list(_node_rows(organization)))

    def delete(self) -> None:
        stored = self.get()
        if stored is None:
            return
        with self.journal.write(ChangeKind.ORGANIZATION, stored.organization_id) as connection:
            for table in _TABLES:
                connection.execute(delete(table))


def _policy_rows(organization: Organization) -> Iterator[dict[str, object]]:
    for position, policy in enumerate(organization.policies):
        yield {
            "name": policy.name,
            "position": position,
            "control_type": policy.control_type.value,
            "document": policy.document,
        }


def _node_rows(organization: Organization) -> Iterator[dict[str, object]]:
    for position, node in enumerate(organization.nodes):
        yield {
            "node_id": node.node_id,
            "position": position,
            "kind": node.kind.value,
            "name": node.name,
            "parent_id": node.parent_id,
            "service_control": list(node.service_control),
            "resource_control": list(node.resource_control),
        }


def _policy(row: Row[Any]) -> ControlPolicy:
    return ControlPolicy(name=row.name, control_type=ControlType(row.control_type), document=row.document)


def _node(row: Row[Any]) -> OrganizationNode:
    return OrganizationNode(
        node_id=row.node_id,
        kind=NodeKind(row.kind),
        name=row.name,
        parent_id=row.parent_id,
        service_control=tuple(row.service_control),
        resource_control=tuple(row.resource_control),
    )
