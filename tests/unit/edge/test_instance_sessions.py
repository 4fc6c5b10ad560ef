"""The edge's record of a session that a host requests: the trust policy that allowed or denied it."""

import json
from dataclasses import replace

import pytest

from tabard.metrics.exposition import summed
from tabard.metrics.families import DECISIONS, SESSIONS_MINTED
from tabard.model.association import AssociationState
from tabard.model.audit_event import AuditEvent
from tabard.model.instance import InstanceState
from tabard.policy import Layer
from tabard.sigv4.sign import Credentials
from tabard.store.compiled_policies import text_digest
from tests.support import aggregates
from tests.support.edge_in_memory import ACCOUNT_ID, SECRET, EdgeInMemory

INSTANCE_ID = "i-00000000000000001"


def trust_in(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def placed_instance(edge: EdgeInMemory, *, trusted_service: str) -> Credentials:
    """Add a running instance with the edge's role, which trusts a service. Return the key of its host."""
    edge.role = replace(edge.role, trust_policy=trust_in(trusted_service))
    host = replace(aggregates.host(), account_id=ACCOUNT_ID)
    instance = replace(aggregates.instance(state=InstanceState.RUNNING), owner_account_id=ACCOUNT_ID)
    instance_profile = replace(aggregates.instance_profile(role_id=edge.role.role_id), account_id=ACCOUNT_ID)
    key = aggregates.access_key(owner_id=host.host_id)
    sealed = edge.store.vault.seal(SECRET.encode(), label=key.access_key_id)
    with edge.store.transaction() as tx:
        tx.roles.update(edge.role)
        tx.hosts.insert(host)
        tx.access_keys.insert(replace(key, account_id=ACCOUNT_ID, sealed_secret=sealed))
        tx.instances.insert(instance)
        tx.instance_profiles.insert(instance_profile)
        tx.associations.insert(aggregates.association(state=AssociationState.ASSOCIATED))
    return Credentials(access_key_id=key.access_key_id, secret_access_key=SECRET)


async def requested_session(edge: EdgeInMemory, host_key: Credentials) -> tuple[int, AuditEvent]:
    target, request = (
        "TabardHosts_20261101.GetInstanceSession",
        {"InstanceId": INSTANCE_ID, "RoleDelivery": "2.0"},
    )
    answer = await edge.target("hosts", target, request, credentials=host_key)
    (event,) = await edge.events()
    return answer.status, event


async def test_an_allowed_session_is_recorded_with_its_role_and_trust_policy(edge: EdgeInMemory) -> None:
    host_key = placed_instance(edge, trusted_service="ec2.amazonaws.com")
    status, event = await requested_session(edge, host_key)
    assert (status, event.outcome, event.instance_id) == (200, "allowed", INSTANCE_ID)
    assert event.resources == (f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:instance/{INSTANCE_ID}", edge.role.arn)
    assert [decision.action for decision in event.decisions] == ["hosts:GetInstanceSession", "sts:AssumeRole"]
    (trust,) = [each for each in event.policies if each.layer is Layer.RESOURCE]
    assert (trust.resource, trust.sources[0][2]) == (edge.role.arn, text_digest(edge.role.trust_policy))


@pytest.mark.parametrize(
    ("service", "status", "effects", "minted"),
    [
        ("ec2.amazonaws.com", 200, {("allow", "identity"): 1, ("allow", "resource"): 1}, 1),
        ("lambda.amazonaws.com", 403, {("allow", "identity"): 1, ("implicit-deny", "resource"): 1}, 0),
    ],
)
async def test_the_decision_of_a_trust_policy_counts(
    edge: EdgeInMemory, service: str, status: int, effects: dict[tuple[str, str], int], minted: int
) -> None:
    host_key = placed_instance(edge, trusted_service=service)
    answered, _ = await requested_session(edge, host_key)
    page = summed([edge.page])
    counted = {labels: values[0] for labels, values in page[DECISIONS].items()}
    assert (answered, counted) == (status, effects)
    assert sum(values[0] for values in page[SESSIONS_MINTED].values()) == minted
