"""Finding the statements whose resource matches, without asking each of them.

An exact text is looked up in a dictionary. Patterns are kept by the literal text they begin with, sorted: the
greatest head that is not above the resource is found by bisection, and every other head that the resource
begins with is among its parents (a head's parent is the longest other head that it begins with).

A pattern with wildcards in its first five parts is looked up by what follows those parts.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from tabard.policy.arn_pattern import Guard
from tabard.policy.compiled_statement import CompiledStatement
from tabard.policy.conditions import Holds
from tabard.policy.values import Values

Entry = tuple[Guard | None, tuple[Holds, ...], CompiledStatement]


class _Heads:
    """Entries by exact text and by literal head."""

    __slots__ = ("_buckets", "_exact", "_heads", "_parents")

    def __init__(self, exact: dict[str, list[Entry]], by_head: dict[str, list[Entry]]) -> None:
        self._exact = {text: tuple(entries) for text, entries in exact.items()}
        self._heads = sorted(by_head)
        self._buckets = [tuple(by_head[head]) for head in self._heads]
        self._parents: list[int] = []
        for place, head in enumerate(self._heads):
            parent = place - 1
            while parent >= 0 and not head.startswith(self._heads[parent]):
                parent = self._parents[parent]
            self._parents.append(parent)

    def first(self, text: str, resource: str, values: Values) -> CompiledStatement | None:
        """The first statement found whose guard and conditions hold."""
        if text in self._exact:
            statement = _first_holding(self._exact[text], resource, values)
            if statement is not None:
                return statement
        heads, parents = self._heads, self._parents
        place = bisect_right(heads, text) - 1
        while place >= 0:
            if text.startswith(heads[place]):
                statement = _first_holding(self._buckets[place], resource, values)
                if statement is not None:
                    return statement
            place = parents[place]
        return None

    def every(self, text: str, resource: str, values: Values) -> Iterator[CompiledStatement]:
        """Every statement whose guard and conditions hold; one may come several times."""
        buckets = [self._exact.get(text, ())]
        place = bisect_right(self._heads, text) - 1
        while place >= 0:
            if text.startswith(self._heads[place]):
                buckets.append(self._buckets[place])
            place = self._parents[place]
        for bucket in buckets:
            yield from _every_holding(bucket, resource, values)


def _every_holding(bucket: tuple[Entry, ...], resource: str, values: Values) -> Iterator[CompiledStatement]:
    for entry in bucket:
        statement = _first_holding((entry,), resource, values)
        if statement is not None:
            yield statement


def _first_holding(bucket: tuple[Entry, ...], resource: str, values: Values) -> CompiledStatement | None:
    for guard, conditions, statement in bucket:
        if guard is not None and not guard(resource, values):
            continue
        for holds in conditions:
            if not holds(values):
                break
        else:
            return statement
    return None


# Beyond so many colons, patterns are tested one by one instead of looked up behind each colon.
MOST_RESTS = 8


class ResourceIndex:
    """The statements of one effect for one action, by resource."""

    __slots__ = ("_always", "_by_rest", "_by_whole", "_with_wild_front")

    def __init__(self, statements: Iterable[CompiledStatement]) -> None:
        tables: tuple[tuple[dict[str, list[Entry]], dict[str, list[Entry]]], ...] = (({}, {}), ({}, {}))
        self._always: CompiledStatement | None = None
        for statement in statements:
            if statement.is_unlimited:
                self._always = self._always or statement
            if not statement.patterns:
                tables[1][1].setdefault("", []).append(
                    (statement.resource_guard, statement.conditions, statement)
                )
            for pattern in statement.patterns:
                exact, by_head = tables[pattern.by_whole]
                if pattern.exact is not None:
                    exact.setdefault(pattern.exact, []).append(
                        (pattern.guard, statement.conditions, statement)
                    )
                else:
                    by_head.setdefault(pattern.head, []).append(
                        (pattern.guard, statement.conditions, statement)
                    )
        self._by_whole = _Heads(*tables[1])
        self._by_rest = _Heads(*tables[0]) if any(tables[0]) else None
        self._with_wild_front = tuple(
            entry for table in tables[0] for entries in table.values() for entry in entries
        )

    def first(self, resource: str, values: Values) -> CompiledStatement | None:
        """A statement that applies, whoever asks; None where none does."""
        if self._always is not None:
            return self._always
        found = self._by_whole.first(resource, resource, values)
        if found is None and self._by_rest is not None:
            rests = _rests(resource)
            if rests is None:
                return _first_holding(self._with_wild_front, resource, values)
            for rest in rests:
                found = self._by_rest.first(rest, resource, values)
                if found is not None:
                    return found
        return found

    def every(self, resource: str, values: Values) -> Iterator[CompiledStatement]:
        """Every statement that applies, whoever asks; one may come several times."""
        yield from self._by_whole.every(resource, resource, values)
        if self._by_rest is not None:
            rests = _rests(resource)
            if rests is None:
                yield from _every_holding(self._with_wild_front, resource, values)
                return
            for rest in rests:
                yield from self._by_rest.every(rest, resource, values)


def _rests(resource: str) -> list[str] | None:
    """What follows the fifth colon, and each later one: a wildcard may have reached across some.

    None where there are too many; none at all where there are less than five colons.
    """
    rests = resource.split(":", 5)[5:]
    while rests and ":" in rests[-1]:
        if len(rests) == MOST_RESTS:
            return None
        rests.append(rests[-1].split(":", 1)[1])
    return rests
