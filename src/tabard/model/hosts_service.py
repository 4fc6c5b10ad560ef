"""The `hosts` service in botocore's format, made of its messages: they are its one description.

`XRequest` and, where it answers anything, `XResult` are the operation X. A member's shape is that of its
type, within the bounds stated beside the type (`member_bounds.py`).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from tabard.model import messages
from tabard.model.member_bounds import Bound

_VERSION: Final = "2026-11-01"
_METADATA: Final[Mapping[str, object]] = MappingProxyType(
    {
        "apiVersion": _VERSION,
        "endpointPrefix": "hosts",
        "jsonVersion": "1.1",
        "protocol": "json",
        "protocols": ["json"],
        "serviceFullName": "Tabard Hosts",
        "serviceId": "Tabard Hosts",
        "signatureVersion": "v4",
        "signingName": "hosts",
        "targetPrefix": f"TabardHosts_{_VERSION.replace('-', '')}",
        "uid": f"hosts-{_VERSION}",
    }
)
ERRORS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AssumeRoleUnauthorizedAccess": 403,
        "HostNotFound": 400,
        "InstanceNotFound": 400,
        "InstanceNotOnHost": 400,
        "InstanceNotRunning": 400,
        "InstanceProfileNotAssociated": 400,
        "InstanceProfileNotFound": 400,
        "InstanceProfileWithoutRole": 400,
        "InvalidCertificateRequest": 400,
        "InvalidFault": 400,
        "InvalidInstanceEvent": 400,
        "InvalidReport": 400,
        "JoinTokenForAnotherHost": 400,
        "JoinTokenNotFound": 400,
        "JoinTokenUsed": 400,
    }
)
"""Code → status."""
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


def operation_names() -> Iterator[str]:
    """The name of every operation."""
    return (name.removesuffix(_REQUEST) for name in _messages() if name.endswith(_REQUEST))


def hosts_service() -> dict[str, object]:
    """The whole model, as botocore would load it from a file."""
    shapes: dict[str, Mapping[str, object]] = {}
    known = _messages()
    for name, message in known.items():
        shapes[name] = _structure(message, shapes)
    for code, status in ERRORS.items():
        shapes[code] = {
            "type": "structure",
            "members": {"message": {"shape": "String"}},
            "error": {"code": code, "httpStatusCode": status, "senderFault": True},
            "exception": True,
        }
    return {
        "version": "2.0",
        "metadata": dict(_METADATA),
        "operations": {name: _operation(name, known) for name in operation_names()},
        "shapes": shapes,
    }


def _messages() -> dict[str, type[messages.Message]]:
    return {
        name: each
        for name, each in vars(messages).items()
        if isinstance(each, type) and issubclass(each, messages.Message) and each is not messages.Message
    }


def _operation(name: str, known: Mapping[str, type[messages.Message]]) -> dict[str, object]:
    request, result = known[f"{name}{_REQUEST}"], f"{name}Result"
    described: dict[str, object] = {
        "name": name,
        "http": {"method": "POST", "requestUri": "/"},
        "input": {"shape": request.__name__},
        "documentation": request.__doc__ or "",
    }
    return {**described, "output": {"shape": result}} if result in known else described


def _structure(message: type[messages.Message], shapes: dict[str, Mapping[str, object]]) -> dict[str, object]:
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
    """The name of a type's shape, which is put among the others; `place` names what has no name itself."""
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
    if issubclass(hint, messages.Message):
        return str(hint.__name__)
    name, shape = _PLAIN[hint]
    shapes[name] = shape
    return name
