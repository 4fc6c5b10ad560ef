"""The condition keys that policies use, which a simulation needs as input.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
"""

from collections.abc import Callable, Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.group import Group
from tabard.policy import DocumentKind, context_keys
from tabard.services.iam.checks import NamesPolicySource, entity_tags, on_everything
from tabard.services.iam.errors import NoSuchEntity
from tabard.services.iam.simulation.policies import entity_name, entity_of, given_policies, identity_policies
from tabard.services.operation import Facts, Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot


class GetContextKeysForCustomPolicyRequest(Request, frozen=True, kw_only=True):
    """The policies come with the request."""

    policy_input_list: tuple[str, ...]


class GetContextKeysForPrincipalPolicyRequest(Request, frozen=True, kw_only=True):
    """The policies are those of a user, a group or a role; more may come with the request."""

    policy_source_arn: str
    policy_input_list: tuple[str, ...] = ()


def on_policy_source(action: str) -> Callable[[NamesPolicySource, Facts], Sequence[Check]]:
    """Return one check on the user, group or role whose policies the request is about."""

    def checks(request: NamesPolicySource, facts: Facts) -> Sequence[Check]:
        arn = request.policy_source_arn
        entity_name(arn)
        try:
            entity = entity_of(arn, facts.snapshot)
        except NoSuchEntity:
            return (Check(action=action, resource=arn),)
        context = {} if isinstance(entity, Group) else entity_tags(entity.tags, "aws", "iam")
        return (Check(action=action, resource=arn, context=context),)

    return checks


def get_context_keys_for_custom_policy(
    _permit: Permit, request: GetContextKeysForCustomPolicyRequest, _snapshot: Snapshot
) -> Output:
    """Name the condition keys that these policies ask for.

    Raises:
        InvalidInput: with the sentence in which a policy is refused.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
    """
    given = given_policies(request.policy_input_list, parameter="PolicyInputList", kind=DocumentKind.IDENTITY)
    return {"ContextKeyNames": context_keys(source.document for source in given)}


def get_context_keys_for_principal_policy(
    _permit: Permit, request: GetContextKeysForPrincipalPolicyRequest, snapshot: Snapshot
) -> Output:
    """Name the condition keys that the policies of a user, a group or a role ask for.

    Raises:
        NoSuchEntity; InvalidInput: the ARN names no user, group or role, or a policy is refused.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForPrincipalPolicy.html
    """
    holder = entity_of(request.policy_source_arn, snapshot)
    given = given_policies(request.policy_input_list, parameter="PolicyInputList", kind=DocumentKind.IDENTITY)
    sources = (*identity_policies(holder, snapshot), *given)
    return {"ContextKeyNames": context_keys(source.document for source in sources)}


OPERATIONS: tuple[Operation, ...] = (
    Read(
        GetContextKeysForCustomPolicyRequest,
        on_everything("iam:GetContextKeysForCustomPolicy"),
        get_context_keys_for_custom_policy,
    ),
    Read(
        GetContextKeysForPrincipalPolicyRequest,
        on_policy_source("iam:GetContextKeysForPrincipalPolicy"),
        get_context_keys_for_principal_policy,
    ),
)
