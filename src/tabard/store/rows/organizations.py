"""The organization ⇄ rows of three tables, written and read as one."""

from sqlalchemy import Column, ForeignKey, Integer, Table

from tabard.model.organization import (
    ControlPolicy,
    ControlType,
    NodeKind,
    Organization,
    OrganizationNode,
)
from tabard.store import ports
from tabard.store.changes import Journal
from tabard.store.column_types import EnumText
from tabard.store.rows.aggregate_table import AggregateTable, Part, TableRows
from tabard.store.schema import key_column, metadata, structured_column, text_column

organizations = Table(
    "organizations", metadata, key_column("organization_id"), text_column("management_account_id")
)

control_policies = Table(
    "control_policies",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    key_column("name"),
    Column("position", Integer, nullable=False),
    Column("control_type", EnumText(ControlType), nullable=False),
    text_column("document"),
)

organization_nodes = Table(
    "organization_nodes",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    key_column("node_id"),
    Column("position", Integer, nullable=False),
    Column("kind", EnumText(NodeKind), nullable=False),
    text_column("name"),
    text_column("parent_id"),
    structured_column("service_control", tuple[str, ...]),
    structured_column("resource_control", tuple[str, ...]),
)


class _Organizations(TableRows[str, Organization]):
    table = AggregateTable(
        Organization,
        organizations.c.organization_id,
        parts=(
            Part("policies", control_policies.c.organization_id, ControlPolicy),
            Part("nodes", organization_nodes.c.organization_id, OrganizationNode),
        ),
    )


class SqlOrganizations(ports.Organizations):
    """Satisfies `ports.Organizations`."""

    def __init__(self, journal: Journal) -> None:
        self._rows = _Organizations(journal)
        self.read = self._rows.read

    def get(self) -> Organization | None:
        return next(iter(self._rows.all()), None)

    def put(self, organization: Organization) -> None:
        self.delete()
        self._rows.insert(organization)

    def delete(self) -> None:
        stored = self.get()
        if stored is not None:
            self._rows.delete(stored.organization_id)
