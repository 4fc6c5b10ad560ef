"""`tabard organization`: the organization that the account is in, and its control policies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tabard.cli.running import DataDirOption, complain
from tabard.cli.shown import printable
from tabard.clock import SystemClock
from tabard.model.organization import Organization, OrganizationNode
from tabard.store.ports import StoreUnavailable
from tabard.store.sql import SqlStore
from tabard.wiring.data_dir import DataDir, default_data_dir, find_running, is_there
from tabard.wiring.organization import apply_from_file, organization_in_force, remove_organization
from tabard.wiring.organization_file import OrganizationRefused, as_tree
from tabard.wiring.store import opened_store

organization = typer.Typer(
    name="organization",
    help="The organization that the account is in: units and control policies.",
    no_args_is_help=True,
    add_completion=False,
)


@organization.command(name="apply")
def apply_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML (.toml) or JSON.")],
    data_dir: DataDirOption = None,
) -> None:
    """Put an organization's file in force, in place of the one before; running edges follow at once."""
    try:
        with _store(data_dir) as store:
            applied = apply_from_file(store, file, now=SystemClock().now())
    except OrganizationRefused as error:
        complain(printable(str(error)))
    typer.echo(f"in force: {applied.organization_id}, {len(applied.policies)} control policies")


@organization.command()
def show(
    data_dir: DataDirOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As a file that apply takes.")] = False,
) -> None:
    """Show the organization in force: its tree, and what is attached where."""
    with _store(data_dir) as store:
        found = organization_in_force(store)
    if found is None:
        complain("the account is in no organization; put one in force with: tabard organization apply FILE")
    if as_json:
        typer.echo(json.dumps(as_tree(found), indent=2))
        return
    typer.echo(f"{found.organization_id}, managed by account {found.management_account_id}")
    for node in found.nodes:
        typer.echo(printable(_line(found, node)))


@organization.command()
def remove(data_dir: DataDirOption = None) -> None:
    """Take the account out of its organization: its control policies bind nobody any more."""
    with _store(data_dir) as store:
        removed = remove_organization(store, now=SystemClock().now())
    if removed is None:
        complain("the account is in no organization; nothing was changed")
    typer.echo(f"removed: {removed.organization_id}")


def _line(found: Organization, node: OrganizationNode) -> str:
    indent = "  " * len(found.path_to(node.node_id))
    attached = ", ".join((*node.service_control, *node.resource_control))
    name = f" {node.name}" if node.name else ""
    return f"{indent}{node.kind} {node.node_id}{name}: {attached}"


@contextmanager
def _store(data_dir: Path | None) -> Iterator[SqlStore]:
    chosen = find_running(data_dir) or DataDir(data_dir or default_data_dir())
    if not is_there(chosen.database):
        complain(f"there is no store in {chosen.path}; start one with: tabard up")
    try:
        with opened_store(chosen) as store:
            yield store
    except StoreUnavailable as error:
        complain(f"the store cannot be used: {error}")
