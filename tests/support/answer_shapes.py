"""Whether an answer fits the output shape that botocore's model gives its operation."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import botocore.session
from botocore.model import OperationModel, Shape

_SCALARS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "timestamp": datetime,
    "blob": bytes,
}


@cache
def operation_model(service: str, name: str) -> OperationModel:
    """botocore's model of one operation."""
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def misfits(shape: Shape | None, value: object, at: str = "answer") -> list[str]:
    """Where a value is not what the shape says; nothing, where it fits."""
    if shape is None:
        return [] if not value else [f"{at}: {value!r} where nothing is answered"]
    if shape.type_name == "structure":
        if not isinstance(value, Mapping):
            return [f"{at}: {value!r} is no structure"]
        unknown = [f"{at}: no member {key}" for key in value if key not in shape.members]
        known = [key for key in value if key in shape.members]
        return unknown + [
            found for key in known for found in misfits(shape.members[key], value[key], f"{at}.{key}")
        ]
    if shape.type_name == "list":
        if not isinstance(value, list | tuple):
            return [f"{at}: {value!r} is no list"]
        return [found for n, item in enumerate(value) for found in misfits(shape.member, item, f"{at}[{n}]")]
    if isinstance(value, _SCALARS.get(shape.type_name, object)):
        return []
    return [f"{at}: {value!r} is no {shape.type_name}"]
