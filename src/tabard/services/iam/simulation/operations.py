"""IAM's operations on simulations."""

from tabard.services.iam.checks import on_everything
from tabard.services.iam.simulation import context_keys as policy_context_keys
from tabard.services.iam.simulation import simulate
from tabard.services.iam.simulation.context_keys import on_policy_source
from tabard.services.operation import Operation, Read

SIMULATIONS: tuple[Operation, ...] = (
    Read(
        "SimulateCustomPolicy",
        simulate.SimulateCustomPolicyRequest,
        on_everything("iam:SimulateCustomPolicy"),
        simulate.simulate_custom_policy,
    ),
    Read(
        "SimulatePrincipalPolicy",
        simulate.SimulatePrincipalPolicyRequest,
        on_policy_source("iam:SimulatePrincipalPolicy"),
        simulate.simulate_principal_policy,
    ),
    Read(
        "GetContextKeysForCustomPolicy",
        policy_context_keys.GetContextKeysForCustomPolicyRequest,
        on_everything("iam:GetContextKeysForCustomPolicy"),
        policy_context_keys.get_context_keys_for_custom_policy,
    ),
    Read(
        "GetContextKeysForPrincipalPolicy",
        policy_context_keys.GetContextKeysForPrincipalPolicyRequest,
        on_policy_source("iam:GetContextKeysForPrincipalPolicy"),
        policy_context_keys.get_context_keys_for_principal_policy,
    ),
)
