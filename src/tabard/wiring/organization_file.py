"""The operator's organization file, in TOML or JSON."""

import json
import tomllib
from pathlib import Path

from tabard.model.organization import Organization
from tabard.model.organization_tree import organization_of


class OrganizationRefused(Exception):
    """The file is unreadable, or describes an impossible organization."""


def read_organization(path: Path) -> Organization:
    """Read the organization in a file: TOML if its name ends in `.toml`, else JSON.

    Raises:
        OrganizationRefused: with the place in the file, if known.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return organization_of(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text))
    except OSError as error:
        raise OrganizationRefused(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise OrganizationRefused(f"{path}: {error}") from error
