"""The table of kinds: everything that it promises about snapshots, transactions and the journal."""

from dataclasses import fields
from typing import get_type_hints

import pytest

from tabard.store import ports
from tabard.store.kinds import KINDS, Kind
from tabard.store.snapshot import Snapshot

BESIDE_THE_KINDS = {"version", "account_id", "partition", "controls", "indexes", "_compiled"}
IN_NO_SNAPSHOT = {"account_id", "vault", "console_outputs", "audit"}


def test_a_snapshot_holds_every_kind_and_no_other() -> None:
    held = {field.name for field in fields(Snapshot)} - BESIDE_THE_KINDS
    assert held == {kind.field for kind in KINDS}


def test_a_transaction_has_a_port_for_every_kind() -> None:
    assert set(get_type_hints(ports.Transaction)) - IN_NO_SNAPSHOT == {kind.field for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_rows_of_a_kind_are_its_port(kind: Kind) -> None:
    """A class that names a port as its base and lacks one of the port's methods cannot be checked by mypy."""
    port = get_type_hints(ports.Transaction)[kind.field]
    assert isinstance(kind.rows, type)
    assert port in kind.rows.__mro__
    methods = {name for base in port.__mro__ for name in vars(base) if not name.startswith("_")}
    assert all(getattr(kind.rows, name) is not getattr(port, name) for name in methods)


def test_every_kind_has_a_name_and_a_field_of_its_own() -> None:
    assert len({kind.name for kind in KINDS}) == len({kind.field for kind in KINDS}) == len(KINDS)
