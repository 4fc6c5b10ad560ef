"""Writing the organization into the store: at a start, and beside a running system."""

import getpass
import uuid
from datetime import datetime
from pathlib import Path

from tabard.model.audit_event import AuditEvent
from tabard.model.organization import Organization
from tabard.model.organization_tree import refuse_other_account
from tabard.store.ports import Store, Transaction
from tabard.wiring.organization_file import OrganizationRefused, read_organization


def apply_organization(tx: Transaction, file: Path, *, now: datetime) -> Organization:
    """Put the organization of a file in force. Write nothing if it is in force already.

    Raises:
        OrganizationRefused: the file is invalid, or lacks the installation's account.
    """
    organization = read_organization(file)
    try:
        refuse_other_account(organization, tx.installation.get("account_id") or "")
    except ValueError as error:
        raise OrganizationRefused(str(error)) from error
    if tx.organizations.get() != organization:
        tx.organizations.put(organization)
        tx.audit.append([_event("ApplyOrganization", organization, now)])
    return organization


def remove_organization(store: Store, *, now: datetime) -> Organization | None:
    """Remove the account from its organization, so that its policies end. Return that organization."""
    with store.transaction() as tx:
        organization = tx.organizations.get()
        if organization is not None:
            tx.organizations.delete()
            tx.audit.append([_event("RemoveOrganization", organization, now)])
        return organization


def organization_in_force(store: Store) -> Organization | None:
    """Return the organization of the account."""
    with store.transaction() as tx:
        return tx.organizations.get()


def apply_from_file(store: Store, file: Path, *, now: datetime) -> Organization:
    """Do `apply_organization` in its own transaction. Raises OrganizationRefused, StoreUnavailable."""
    with store.transaction() as tx:
        if tx.installation.get("account_id") is None:
            raise OrganizationRefused("the store has no account yet; start it once with: tabard up")
        return apply_organization(tx, file, now=now)


def _event(operation: str, organization: Organization, now: datetime) -> AuditEvent:
    """Make the event of an operator's change outside the APIs, with the operating system's user name."""
    return AuditEvent(
        request_id=str(uuid.uuid4()),
        at=now,
        service="organizations",
        operation=operation,
        principal_arn="",
        access_key_id="",
        source_ip="",
        user_agent=f"tabard ({_operator()})",
        region="",
        resources=(organization.organization_id,),
        outcome="allowed",
        error_code="",
        reason="",
        http_status=200,
        snapshot_version=0,
    )


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        return "unknown"
