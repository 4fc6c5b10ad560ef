"""The input members of a forwarded operation that measurements of its upstream have shown to work.

A member that is not in the list is refused before the decision. An upstream that ignores it would do
something else than the caller requested and the policies allowed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tabard.access.refusals import MemberNotOffered, Service
from tabard.wire.request import Value

EVERY = "*"
"""The placeholder for the key of a map."""


class _Node:
    """The accepted input at one place: some values, some members, or everything."""

    __slots__ = ("members", "values")

    def __init__(self) -> None:
        self.members: dict[str, _Node] = {}
        self.values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class AcceptedMembers:
    """The accepted members of one operation's input. `advice`: the alternative to a refused member."""

    names: frozenset[str]
    advice: Mapping[str, str]
    _root: _Node
    _whole: frozenset[str]

    def check(self, service: Service, operation: str, arguments: Mapping[str, Value]) -> None:
        """Raise MemberNotOffered, with the service's own code, if a member is not accepted."""
        if self._whole.issuperset(arguments):
            return  # nearly always: each member is accepted with its whole content
        refused = self.refused(arguments)
        if refused:
            names = list(dict.fromkeys(refused))
            reasons = dict.fromkeys(self.advice[name] for name in names if name in self.advice)
            raise MemberNotOffered(service, operation, ", ".join(sorted(names)), advice="; ".join(reasons))

    def refused(self, arguments: Mapping[str, Value]) -> list[str]:
        """Return the dotted names of refused members; maps and lists add nothing to a name."""
        members = self._root.members
        found: list[str] = []
        for name, value in arguments.items():
            node = members.get(name)
            if node is None:
                found.append(name)
            elif node.members or node.values is not None:
                found.extend(_refused_within(node, value, name))
        return found


def accepted(*names: str, advice: Mapping[str, str] | None = None) -> AcceptedMembers:
    """Make a list of members, each by its dotted name.

    `Key` accepts the member with its whole content. `Delete.Objects.Key` accepts that one member of the
    structures in the list `Objects`. `Expected.*.Value` goes through a map. `Select=COUNT` accepts one value;
    `Tags=` accepts only an empty value.
    """
    root = _Node()
    for name in names:
        path, has_value, value = name.partition("=")
        node = root
        for part in path.split("."):
            node = node.members.setdefault(part, _Node())
        if has_value:
            node.values = (node.values or frozenset()) | {value}
    whole = {name for name, node in root.members.items() if not node.members and node.values is None}
    return AcceptedMembers(frozenset(names), MappingProxyType(dict(advice or {})), root, frozenset(whole))


def _refused_within(node: _Node, value: Value, name: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _refused_within(node, item, name)
    elif node.values is not None:
        if isinstance(value, dict):
            if value:
                yield name
        elif _text(value) not in node.values:
            yield name
    elif isinstance(value, dict):
        every = node.members.get(EVERY)
        for key, inner in value.items():
            child = every if every is not None else node.members.get(key)
            if child is None:
                yield f"{name}.{key}"
            elif child.members or child.values is not None:
                yield from _refused_within(child, inner, name if every is not None else f"{name}.{key}")


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
