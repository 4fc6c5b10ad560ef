"""Which condition keys documents ask for, in conditions and in policy variables.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
"""

from collections.abc import Iterable, Iterator

from tabard.policy.arn_pattern import resource_variables
from tabard.policy.conditions import parse_operator, takes_variables
from tabard.policy.document import CURRENT_VERSION, Document, Statement
from tabard.policy.pattern import Variable, tokens


def context_keys(documents: Iterable[Document]) -> tuple[str, ...]:
    """Name every condition key and variable that the documents refer to, once, in the order of their mention.

    A key is spelled as it is first written: "Context key names are not case-sensitive". `${*}`, `${?}` and
    `${$}` name no key, and neither does what looks like a variable in a document of the older language.

    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
    """
    found: dict[str, str] = {}
    for document in documents:
        variables = document.version == CURRENT_VERSION
        for statement in document.statements:
            for key in statement_context_keys(statement, variables=variables):
                found.setdefault(key.lower(), key)
    return tuple(found.values())


def statement_context_keys(statement: Statement, *, variables: bool) -> Iterator[str]:
    """The keys of one statement, as they are written; `variables` as from Version 2012-10-17 on."""
    if variables:
        for resource in statement.resources + statement.not_resources:
            yield from (variable.name for variable in resource_variables(resource))
    for condition in statement.conditions:
        yield condition.key
        operator = parse_operator(condition.operator)
        if variables and operator is not None and takes_variables(operator):
            for value in condition.values:
                for token in tokens(value, variables=True):
                    if isinstance(token, Variable):
                        yield token.name
