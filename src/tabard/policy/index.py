"""Index that finds the statements whose resource matches a request, without testing every statement.

Theory of operation
-------------------

`CompiledPolicies.for_action` builds one index per effect. The index has the statements about one action only.

1. A resource without wildcards or variables is a key of a dictionary. One hash lookup finds it.
2. Any other resource pattern is stored under its head: the literal text before its first wildcard or
   variable. The head of `arn:aws:s3:::logs/2026*` is `arn:aws:s3:::logs/2026`. A pattern can match only a
   text that starts with its head.
3. The heads are sorted. Each head has a parent: the longest other head with which it starts. Bisection finds
   the last head that sorts at or before the text. Every head with which the text starts is that head or one
   of its ancestors: any head that sorts between a prefix of the text and the text also starts with that
   prefix. The lookup follows the parents and tests only the statements under matching heads.
4. An entry found in this way may have a guard: the rest of the pattern. `logs/2026*` has none, because the
   head is the whole test. After the guard, the lookup tests the conditions of the statement.
5. The head of a pattern with wildcards in its first five parts (`arn:aws:s3:*:*:logs/*`) is too short to
   help. Such a pattern is stored under the literal text with which its last part begins, if there is any.
   The lookup tries the text after the fifth colon, then after each later colon, because a `*` at the end of
   a part may match across colons. For a text with more than `MOST_RESTS` such suffixes, the lookup tests
   these patterns one by one.

Cost: the hash lookup does not depend on the number of statements, and bisection grows with its logarithm. The
chain of parents depends on how many heads are prefixes of one another, not on how many heads there are. So a
thousand statements about a thousand buckets cost little more than one. The cost grows only with the
statements whose head matches the text, because the lookup must test those. A pattern that starts with a
wildcard or variable has an empty head, so every lookup tests it. So does a `NotResource` statement. An
unconditional statement about every resource needs no lookup: `first` returns it at once.

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
    """Table of entries by exact text and by head."""

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
        """Find a statement whose guard and conditions hold. Return None if there is none."""
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
        """Yield every statement whose guard and conditions hold. A statement may appear several times."""
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


# With more suffixes than this, the index tests the patterns one by one instead of looking up each suffix.
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
        """Find a statement that applies, for any principal. Return None if no statement applies."""
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
        """Yield every statement that applies, for any principal. A statement may appear several times."""
        yield from self._by_whole.every(resource, resource, values)
        if self._by_rest is not None:
            rests = _rests(resource)
            if rests is None:
                yield from _every_holding(self._with_wild_front, resource, values)
                return
            for rest in rests:
                yield from self._by_rest.every(rest, resource, values)


def _rests(resource: str) -> list[str] | None:
    """List the text after the fifth colon and after each later one: a wildcard may have matched some colons.

    Return None if there are too many. Return an empty list if the resource has fewer than five colons.
    """
    rests = resource.split(":", 5)[5:]
    while rests and ":" in rests[-1]:
        if len(rests) == MOST_RESTS:
            return None
        rests.append(rests[-1].split(":", 1)[1])
    return rests
