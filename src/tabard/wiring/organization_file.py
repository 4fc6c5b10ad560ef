"""An organization as an operator writes it: a TOML or JSON file."""

import json
import tomllib
from pathlib import Path

from tabard.model.organization import Organization
from tabard.model.organization_tree import organization_of


class OrganizationRefused(Exception):
    """The file cannot be read, or says what no organization can be."""


def read_organization(path: Path) -> Organization:
    """The organization that a file describes; TOML where its name ends in `.toml`, else JSON.

    Raises:
        OrganizationRefused: with the place in the file, where there is one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return organization_of(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text))
    except OSError as error:
        raise OrganizationRefused(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise OrganizationRefused(f"{path}: {error}") from error
