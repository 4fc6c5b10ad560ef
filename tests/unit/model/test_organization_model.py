"""What an organization can be, and where an account is in it."""

from dataclasses import replace

import pytest

from tabard.model.organization import (
    FULL_ACCESS,
    ControlPolicy,
    ControlType,
    NodeKind,
    Organization,
    OrganizationNode,
)

ACCOUNT = "111122223333"
DENY = ControlPolicy(name="deny", control_type=ControlType.SERVICE, document="{}")
RESOURCES = ControlPolicy(name="resources", control_type=ControlType.RESOURCE, document="{}")


def node(node_id: str, parent_id: str = "", **more: object) -> OrganizationNode:
    kind = {"r": NodeKind.ROOT, "o": NodeKind.UNIT}.get(node_id[:1], NodeKind.ACCOUNT)
    given: dict[str, object] = {"kind": kind, "name": "", **more}
    return OrganizationNode(node_id=node_id, parent_id=parent_id, **given)


def unit_id(n: int) -> str:
    return f"ou-root-{n:08d}"


ROOT = node("r-root")
SOUND = Organization(
    organization_id="o-exampleorg1",
    management_account_id="999988887777",
    policies=(DENY, RESOURCES),
    nodes=(ROOT, node(unit_id(1), "r-root"), node(unit_id(2), unit_id(1)), node(ACCOUNT, unit_id(2))),
)


def test_the_path_to_an_account_leads_from_the_root_through_its_units() -> None:
    assert [each.node_id for each in SOUND.path_to(ACCOUNT)] == ["r-root", unit_id(1), unit_id(2), ACCOUNT]
    assert SOUND.path_to("999988887777") == ()


def test_policies_are_found_by_name_and_type() -> None:
    assert SOUND.policy("deny", ControlType.SERVICE) is DENY
    assert SOUND.policy("deny", ControlType.RESOURCE) is None
    assert SOUND.policy(FULL_ACCESS, ControlType.SERVICE) is None


def test_five_levels_of_units_are_not_too_many() -> None:
    """AWS: orgs_reference_limits.html, "OU maximum nesting in a root"."""
    chain = tuple(node(unit_id(n), unit_id(n - 1) if n > 1 else "r-root") for n in range(1, 7))
    replace(SOUND, nodes=(ROOT, *chain[:5], node(ACCOUNT, unit_id(5))))
    with pytest.raises(ValueError, match="more than 5 levels of units deep"):
        replace(SOUND, nodes=(ROOT, *chain))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"organization_id": "o-x"}, "is no organization's id"),
        ({"management_account_id": "1"}, "is no account id"),
        ({"policies": (DENY, RESOURCES, DENY)}, "the control policy 'deny' appears twice"),
        ({"policies": (replace(DENY, name=FULL_ACCESS),)}, "cannot be a control policy's name"),
        ({"policies": (replace(DENY, name="a/b"),)}, "cannot be a control policy's name"),
        ({"nodes": ()}, "an organization has a root"),
        ({"nodes": (node("r-ROOT"),)}, "'r-ROOT' is not the id of a root"),
        ({"nodes": (ROOT, node("ou-1", "r-root"))}, "'ou-1' is not the id of a unit"),
        ({"nodes": (ROOT, node("12", "r-root"))}, "'12' is not the id of an account"),
        ({"nodes": (ROOT, node("r-other", "r-root"))}, "has one root, which comes first"),
        ({"nodes": (node(unit_id(1), ""),)}, "has one root, which comes first"),
        ({"nodes": (ROOT, node(ACCOUNT, ""))}, "has one root, which comes first"),
        ({"nodes": (ROOT, node(ACCOUNT, "r-root"), node(ACCOUNT, "r-root"))}, f"{ACCOUNT} appears twice"),
        ({"nodes": (ROOT, node(unit_id(1), unit_id(2)))}, "is not under the root or a unit"),
        (
            {"nodes": (ROOT, node(ACCOUNT, "r-root"), node("222233334444", ACCOUNT))},
            "is not under the root or a unit",
        ),
        ({"nodes": (node("r-root", service_control=()),)}, "r-root has no service control policy"),
        (
            {"nodes": (node("r-root", service_control=(FULL_ACCESS, "gone")),)},
            "names the service-control policy 'gone', which does not exist",
        ),
        (
            {"nodes": (node("r-root", service_control=("resources",)),)},
            "names the service-control policy 'resources', which does not exist",
        ),
        (
            {"nodes": (node("r-root", resource_control=(FULL_ACCESS,)),)},
            "names the resource-control policy 'FullAWSAccess', which does not exist",
        ),
        ({"nodes": (node("r-root", service_control=("deny", "deny")),)}, "attached to r-root twice"),
        (
            {"nodes": (node("r-root", service_control=tuple("abcdef")),)},
            "more than 5 service-control policies",
        ),
        (
            {"nodes": (node("r-root", resource_control=tuple("abcde")),)},
            "more than 5 resource-control policies, AWS's own among them",
        ),
    ],
)
def test_what_no_organization_can_be(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(SOUND, **changed)
