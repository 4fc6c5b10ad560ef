"""`tabard organization`: the organization that the account is in, and its control policies."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tabard.cli.lazy_commands import PlainGroup
from tabard.cli.reading import reading_failures, system_or_stopped
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.cli.shown import printable
from tabard.clock import SystemClock
from tabard.model.organization import Organization, OrganizationNode
from tabard.model.organization_tree import as_tree
from tabard.wiring.data_dir import DataDir
from tabard.wiring.organization import apply_from_file, organization_in_force, remove_organization
from tabard.wiring.organization_file import OrganizationRefused, read_organization
from tabard.wiring.store import opened_store

if TYPE_CHECKING:
    from tabard.administration.client import SystemClient

organization = typer.Typer(
    name="organization",
    help="Apply, show or remove the account's organization and its control policies.",
    cls=PlainGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@organization.command(name="apply")
def apply_file(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The organization's file: TOML (.toml) or JSON.")
    ],
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Apply an organization's file. It replaces the organization in force, on running edges at once.

    A running system requires the action tabard:PutOrganization.
    """
    source = system_or_stopped(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    try:
        with reading_failures(source):
            applied = _apply(source, file)
    except OrganizationRefused as error:
        complain(printable(str(error)))
    typer.echo(f"in force: {applied.organization_id}, {len(applied.policies)} control policies")


def _apply(source: "SystemClient | DataDir", file: Path) -> Organization:
    if isinstance(source, DataDir):
        with opened_store(source) as store:
            return apply_from_file(store, file, now=SystemClock().now())
    from tabard.administration.account import put_organization

    organization = read_organization(file)
    put_organization(source, organization)
    return organization


@organization.command()
def show(
    context: typer.Context,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, which apply accepts.")
    ] = False,
) -> None:
    """Show the organization in force: its tree, and the policies attached to each node.

    A running system requires the action tabard:GetOrganization.
    """
    source = system_or_stopped(
        context, data_dir=data_dir, endpoint=endpoint, profile=profile, as_json=as_json
    )
    with reading_failures(source):
        found = _in_force(source)
    if found is None:
        complain("the account is in no organization; apply one with: tabard organization apply FILE")
    if as_json:
        typer.echo(json.dumps(as_tree(found), indent=2))
        return
    typer.echo(f"{found.organization_id}, managed by account {found.management_account_id}")
    for node in found.nodes:
        typer.echo(printable(_line(found, node)))


def _in_force(source: "SystemClient | DataDir") -> Organization | None:
    if isinstance(source, DataDir):
        with opened_store(source) as store:
            return organization_in_force(store)
    from tabard.administration.account import organization_of_account

    return organization_of_account(source)


@organization.command()
def remove(
    context: typer.Context,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Remove the account from its organization. The control policies end at once.

    A running system requires the action tabard:DeleteOrganization.
    """
    source = system_or_stopped(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    with reading_failures(source):
        removed = _remove(source)
    if removed is None:
        complain("the account is in no organization; nothing was changed")
    typer.echo(f"removed: {removed}")


def _remove(source: "SystemClient | DataDir") -> str | None:
    """Return the id of the organization that the account was in."""
    if isinstance(source, DataDir):
        with opened_store(source) as store:
            removed = remove_organization(store, now=SystemClock().now())
        return None if removed is None else removed.organization_id
    from tabard.administration.account import delete_organization

    return delete_organization(source)


def _line(found: Organization, node: OrganizationNode) -> str:
    indent = "  " * len(found.path_to(node.node_id))
    attached = ", ".join((*node.service_control, *node.resource_control))
    name = f" {node.name}" if node.name else ""
    return f"{indent}{node.kind} {node.node_id}{name}: {attached}"
