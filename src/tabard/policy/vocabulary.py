"""Names that AWS defines for policies: actions, their resource types, and condition keys.

The engine does not need them to decide: it compares policies with requests. `advise` needs them.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

GLOBAL_KEYS = (
    "aws:AssumedRoot",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalTag/",
    "aws:PrincipalType",
    "aws:RequestTag/",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:ResourceTag/",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceOwner",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:ViaAWSService",
    "aws:VpcSourceIp",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:referer",
    "aws:userid",
    "aws:username",
)
"""AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
A key that ends in `/` is the prefix of a tag's name."""

MULTIVALUED_GLOBAL_KEYS = (
    "aws:CalledVia",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceNamesList",
    "aws:ResourceOrgPaths",
    "aws:SourceOrgPaths",
    "aws:TagKeys",
    "aws:VpceOrgPaths",
)
"""AWS: "Value type – Multivalued", on the same page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action: `name` without its service, the formats of the ARNs that it may be about, and its own keys.

    `resources` is empty if the action has no resource and is allowed on `*` alone. `keys` are those of its
    service's condition keys (lower case, without the service) that its requests may have; None: not told.
    """

    name: str
    resources: tuple[str, ...]
    keys: frozenset[str] | None = None

    def may_have(self, key: str) -> bool:
        """Return whether a request of this action may have this condition key of its service."""
        name = key.lower().partition(":")[2]
        return self.keys is None or name in self.keys or f"{name.partition('/')[0]}/" in self.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Actions by service and lower-case name; condition keys by themselves in lower case.

    `multivalued` holds those of the keys that can have several values in one request.
    """

    actions: Mapping[str, Mapping[str, Action]]
    keys: Mapping[str, str] = field(repr=False)
    multivalued: frozenset[str] = field(default=frozenset(), repr=False)

    def action(self, name: str) -> Action | None:
        """Return the action `service:Name`, whatever the case of its letters."""
        service, _, action = name.lower().partition(":")
        return self.actions.get(service, {}).get(action)

    def knows_key(self, key: str) -> bool:
        """Return whether a request may have this condition key."""
        lowered = key.lower()
        return lowered in self.keys or f"{lowered.partition('/')[0]}/" in self.keys

    def is_multivalued(self, key: str) -> bool:
        """Return whether AWS documents this condition key as multivalued."""
        return key.lower() in self.multivalued

    def action_like(self, service: str, name: str) -> str | None:
        """Return the action of this service whose name is nearest."""
        actions = self.actions[service]
        near = get_close_matches(name.lower(), actions, n=1)
        return f"{service}:{actions[near[0]].name}" if near else None

    def key_like(self, key: str) -> str | None:
        """Return the condition key nearest to this one; of one with a tag's name the part before it."""
        near = get_close_matches(key.lower(), self.keys, n=1, cutoff=0.75)
        return self.keys[near[0]] if near else None
