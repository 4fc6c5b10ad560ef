"""The operations of IAM, from each module.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/
"""

from tabard.services.iam import account_aliases
from tabard.services.iam.groups import groups, memberships
from tabard.services.iam.groups import policies as group_policies
from tabard.services.iam.instance_profiles import instance_profiles
from tabard.services.iam.instance_profiles import tags as instance_profile_tags
from tabard.services.iam.policies import boundaries, entities, policies, versions
from tabard.services.iam.roles import policies as role_policies
from tabard.services.iam.roles import roles
from tabard.services.iam.roles import tags as role_tags
from tabard.services.iam.simulation import context_keys, simulate
from tabard.services.iam.users import access_keys, users
from tabard.services.iam.users import policies as user_policies
from tabard.services.iam.users import tags as user_tags
from tabard.services.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *account_aliases.OPERATIONS,
    *roles.OPERATIONS,
    *role_tags.OPERATIONS,
    *role_policies.OPERATIONS,
    *boundaries.OPERATIONS,
    *policies.OPERATIONS,
    *versions.OPERATIONS,
    *entities.OPERATIONS,
    *instance_profiles.OPERATIONS,
    *instance_profile_tags.OPERATIONS,
    *groups.OPERATIONS,
    *memberships.OPERATIONS,
    *group_policies.OPERATIONS,
    *users.OPERATIONS,
    *user_tags.OPERATIONS,
    *user_policies.OPERATIONS,
    *access_keys.OPERATIONS,
    *simulate.OPERATIONS,
    *context_keys.OPERATIONS,
)
