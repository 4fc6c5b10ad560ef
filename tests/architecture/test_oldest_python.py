"""What the oldest supported Python refuses, found by every later one."""

import dataclasses
from types import MappingProxyType

from tests.support.package_contents import classes


def test_no_default_of_a_dataclass_is_a_mapping() -> None:
    """Python 3.11 refuses a default without a hash; MappingProxyType has one from 3.12 on."""
    refused = [
        f"{kind.__module__}.{kind.__qualname__}.{field.name}"
        for kind in classes()
        if dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
        if isinstance(field.default, MappingProxyType)
    ]
    assert refused == []
