"""Leaving policies out of a simulation: what would it come to if they were not attached?

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PolicyIdentifier.html
"""

from collections.abc import Callable, Sequence
from typing import Literal

from tabard.names import Arn
from tabard.policy.pattern import matcher, tokens
from tabard.services.iam.errors import InvalidInput
from tabard.services.iam.simulation.policies import Source
from tabard.services.operation import Request

PolicyType = Literal["inline", "aws-managed", "user-managed", "permission-boundary", "scp", "rcp"]


class InlinePolicyIdentifier(Request, frozen=True, kw_only=True):
    """An inline policy; `attachment_name` may hold one `*` and any number of `?`."""

    policy_name: str
    attachment_type: Literal["user", "group", "role"]
    attachment_name: str


class PolicyIdentifier(Request, frozen=True, kw_only=True):
    """Exactly one of the three."""

    policy_type: PolicyType | None = None
    policy_arn: str | None = None
    inline_policy_identifier: InlinePolicyIdentifier | None = None


Excludes = Callable[[Source], bool]


def excludes_type(identifiers: Sequence[PolicyIdentifier], policy_type: PolicyType) -> bool:
    """Return whether every policy of this type is left out."""
    return any(identifier.policy_type == policy_type for identifier in identifiers)


def without_excluded(
    sources: Sequence[Source], identifiers: Sequence[PolicyIdentifier]
) -> tuple[Source, ...]:
    """Return the policies that are left; identifiers that match none are ignored.

    Raises:
        InvalidInput: an identifier names nothing, or several things, or its ARN or wildcards are malformed.
    """
    tests = [_exclusion(identifier) for identifier in identifiers]
    return tuple(source for source in sources if not any(test(source) for test in tests))


def _exclusion(identifier: PolicyIdentifier) -> Excludes:
    inline = identifier.inline_policy_identifier
    given = (identifier.policy_type, identifier.policy_arn, inline)
    if sum(value is not None for value in given) != 1:
        raise InvalidInput(
            reason="A policy identifier has exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier."
        )
    if identifier.policy_arn is not None:
        return _by_arn(identifier.policy_arn)
    if inline is not None:
        holds = _wildcards(inline.attachment_name)
        source_type, name = inline.attachment_type, inline.policy_name
        return lambda source: (
            source.is_inline
            and source.source_type == source_type
            and source.name == f"{source_type}_{source.holder}_{name}"
            and holds(source.holder)
        )
    wanted = identifier.policy_type
    return lambda source: source.is_inline if wanted == "inline" else source.source_type == wanted


def _by_arn(text: str) -> Excludes:
    arn = Arn.parse(text)
    before, _, name = text.rpartition("/")
    if (
        arn is None
        or arn.service != "iam"
        or not arn.resource.startswith("policy/")
        or set(before) & {"*", "?"}
    ):
        raise InvalidInput(reason=f"ARN {text} is not valid.")
    fits = _wildcards(name)
    return lambda source: source.name.rpartition("/")[0] == before and fits(source.name.rpartition("/")[2])


def _wildcards(text: str) -> Callable[[str], bool]:
    """AWS: "use at most one * (matches any sequence of characters, including none), and any number of ?" """
    if text.count("*") > 1:
        raise InvalidInput(reason=f"{text} has more than one *.")
    return matcher(tokens(text, variables=False))
