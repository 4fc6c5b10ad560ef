"""A service of Tabard's own in botocore's format. Its message classes are its only description.

`XRequest` and `XResult` (absent for an empty answer) make the operation X. A member has the shape of its
type, within the bounds stated beside the type (`member_bounds.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType, ModuleType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from tabard.model.member_bounds import Bound
from tabard.model.messages import Message

_VERSION: Final = "2026-11-01"
_PLAIN: Final[Mapping[type, tuple[str, Mapping[str, object]]]] = MappingProxyType(
    {
        str: ("String", {"type": "string"}),
        int: ("Integer", {"type": "integer"}),
        bool: ("Boolean", {"type": "boolean"}),
        bytes: ("Blob", {"type": "blob"}),
        datetime: ("Timestamp", {"type": "timestamp", "timestampFormat": "iso8601"}),
    }
)
_REQUEST: Final = "Request"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnService:
    """A service, by its name in policies, signatures and the endpoint.

    messages: the module with its messages. errors: code → status.
    """

    name: str
    full_name: str
    target_prefix: str
    messages: ModuleType
    errors: Mapping[str, int]

    def operation_names(self) -> Iterator[str]:
        """Yield the name of every operation."""
        return (name.removesuffix(_REQUEST) for name in self._messages() if name.endswith(_REQUEST))

    def model(self) -> dict[str, object]:
        """Return the whole model, as botocore would load it from a file."""
        shapes: dict[str, Mapping[str, object]] = {}
        known = self._messages()
        for name, message in known.items():
            shapes[name] = _structure(message, shapes)
        for code, status in self.errors.items():
            shapes[code] = {
                "type": "structure",
                "members": {"message": {"shape": "String"}},
                "error": {"code": code, "httpStatusCode": status, "senderFault": True},
                "exception": True,
            }
        shapes.setdefault("String", {"type": "string"})
        return {
            "version": "2.0",
            "metadata": self._metadata(),
            "operations": {name: _operation(name, known) for name in self.operation_names()},
            "shapes": shapes,
        }

    def _metadata(self) -> dict[str, object]:
        return {
            "apiVersion": _VERSION,
            "endpointPrefix": self.name,
            "jsonVersion": "1.1",
            "protocol": "json",
            "protocols": ["json"],
            "serviceFullName": self.full_name,
            "serviceId": self.full_name,
            "signatureVersion": "v4",
            "signingName": self.name,
            "targetPrefix": self.target_prefix,
            "uid": f"{self.name}-{_VERSION}",
        }

    def _messages(self) -> dict[str, type[Message]]:
        return {
            name: each
            for name, each in vars(self.messages).items()
            if isinstance(each, type) and issubclass(each, Message) and each is not Message
        }


def _operation(name: str, known: Mapping[str, type[Message]]) -> dict[str, object]:
    request, result = known[f"{name}{_REQUEST}"], f"{name}Result"
    described: dict[str, object] = {
        "name": name,
        "http": {"method": "POST", "requestUri": "/"},
        "input": {"shape": request.__name__},
        "documentation": request.__doc__ or "",
    }
    return {**described, "output": {"shape": result}} if result in known else described


def _structure(message: type[Message], shapes: dict[str, Mapping[str, object]]) -> dict[str, object]:
    hints = get_type_hints(message, include_extras=True)
    fields = msgspec.structs.fields(message)
    members = {
        field.encode_name: {
            "shape": _shape(hints[field.name], f"{message.__name__}{field.encode_name}", shapes)
        }
        for field in fields
    }
    required = [field.encode_name for field in fields if field.required]
    shape: dict[str, object] = {"type": "structure", "members": members}
    return {**shape, "required": required} if required else shape


def _shape(hint: Any, place: str, shapes: dict[str, Mapping[str, object]]) -> str:  # noqa: ANN401 - a type
    """Add a type's shape to the others and return its name; `place` names an anonymous type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bound = next(each for each in arguments[1:] if isinstance(each, Bound))
        plain = shapes[_shape(arguments[0], bound.name, shapes)]
        kind = {"type": "long"} if bound.is_long else {}
        shapes[bound.name] = {**plain, **kind, **bound.traits()}
        return bound.name
    if origin in (Union, UnionType):
        (present,) = [each for each in arguments if each is not NoneType]
        return _shape(present, place, shapes)
    if origin is Literal:
        shapes[place] = {"type": "string", "enum": list(arguments)}
        return place
    if origin is tuple:
        member = _shape(arguments[0], f"{place}Member", shapes)
        shapes[place] = {"type": "list", "member": {"shape": member}}
        return place
    if issubclass(hint, Message):
        return str(hint.__name__)
    name, shape = _PLAIN[hint]
    shapes[name] = shape
    return name
