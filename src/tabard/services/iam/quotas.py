"""AWS's fixed quotas, as far as they bound one entity.

Sizes are in characters and, as AWS counts them, without white space.
AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
Differs: quotas on how many roles, policies or instance profiles an account holds are not enforced.
"""

ROLES_PER_INSTANCE_PROFILE = 1
ACCESS_KEYS_PER_USER = 2
VERSIONS_PER_POLICY = 5
POLICIES_PER_ROLE = 10
TAGS_PER_ENTITY = 50
INLINE_POLICY_SIZE_PER_ROLE = 10_240
MANAGED_POLICY_SIZE = 6_144
TRUST_POLICY_SIZE = 2_048


def counted_size(document: str) -> int:
    """The size of a policy document as AWS counts it: its characters without white space."""
    return sum(not character.isspace() for character in document)
