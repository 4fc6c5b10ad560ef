"""The services that are Tabard's own, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tabard.model.hosts_service import HOSTS
from tabard.model.own_service import OwnService
from tabard.model.tabard_service import TABARD

OWN_SERVICES: Final[Mapping[str, OwnService]] = MappingProxyType(
    {each.name: each for each in (HOSTS, TABARD)}
)
