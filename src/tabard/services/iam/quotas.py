"""AWS's fixed quotas, as far as they bound one entity.

Sizes are in characters and, as AWS counts them, without white space.
AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
Differs: quotas on how many users, groups, roles, policies or instance profiles an account holds are not
enforced.
"""

from types import MappingProxyType

ROLES_PER_INSTANCE_PROFILE = 1
ACCESS_KEYS_PER_USER = 2
VERSIONS_PER_POLICY = 5
ATTACHED_POLICIES = 10
GROUPS_PER_USER = 10
TAGS_PER_ENTITY = 50
INLINE_POLICY_SIZE = MappingProxyType({"role": 10_240, "user": 2_048, "group": 5_120})
"""The limits of all inline policies of one entity together."""

MANAGED_POLICY_SIZE = 6_144
TRUST_POLICY_SIZE = 2_048


def counted_size(document: str) -> int:
    """Return the size of a policy document as AWS counts it: its characters without white space."""
    return sum(not character.isspace() for character in document)
