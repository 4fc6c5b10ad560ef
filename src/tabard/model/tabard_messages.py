"""What an administrator and the edge say to each other: the shapes of the `tabard` service."""

from datetime import datetime
from typing import Annotated, TypeAlias

from tabard.model.audit_event import Outcome
from tabard.model.member_bounds import Bound, InstanceId
from tabard.model.messages import Message
from tabard.model.policy_change import PolicyChange

AfterNumber: TypeAlias = Annotated[int, Bound(name="AfterNumber", least=0, is_long=True)]
EventNumber: TypeAlias = Annotated[int, Bound(name="EventNumber", is_long=True)]
EventLimit: TypeAlias = Annotated[int, Bound(name="EventLimit", least=1, most=1000)]
NextToken: TypeAlias = Annotated[str, Bound(name="NextToken", pattern="[0-9]{1,17}-[0-9]{1,18}", most=40)]
ActionName: TypeAlias = Annotated[
    str, Bound(name="ActionName", pattern="[A-Za-z0-9-]+:[A-Za-z0-9]*\\*?", most=128)
]
RequestId: TypeAlias = Annotated[str, Bound(name="RequestId", least=1, most=128)]
PrincipalName: TypeAlias = Annotated[
    str, Bound(name="PrincipalName", pattern="((role|user|group)/|arn:).+", least=1, most=2048)
]
CallerArn: TypeAlias = Annotated[str, Bound(name="CallerArn", pattern="arn:.+", least=1, most=2048)]
OrganizationDocument: TypeAlias = Annotated[str, Bound(name="OrganizationDocument", least=1, most=4_000_000)]


class NumberedEvent(Message, frozen=True):
    """One event of the audit; `event` is JSON, as CloudTrail's LookupEvents answers it."""

    number: EventNumber
    event: str


class LookupEventsRequest(Message, frozen=True):
    """Answers a page of the audit: the events after a number, or with `newest` the newest, by their time.

    `next_token`, of the answer before, continues a search for the newest with older events. Every other
    member restricts the events; one that is left out excludes none. `denied_only`: denied and not offered.
    `action`: an IAM action or an operation, with one `*` at its end at most. `principal`: an ARN, role/NAME
    or user/NAME; a role stands for its sessions.
    """

    after_number: AfterNumber = 0
    limit: EventLimit = 100
    newest: bool = False
    next_token: NextToken | None = None
    denied_only: bool = False
    decisions: tuple[Outcome, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    instance_id: InstanceId | None = None
    action: ActionName | None = None
    principal: PrincipalName | None = None


class LookupEventsResult(Message, frozen=True):
    """`last_number` is that of the newest event; 0 where there is none.

    `next_token` is there where older events may match. A page that holds no event may have one.
    """

    events: tuple[NumberedEvent, ...] = ()
    last_number: EventNumber = 0
    next_token: NextToken | None = None


class ExplainEventRequest(Message, frozen=True):
    """Explains one request: its event, and what was written since of all that its decision rested on."""

    request_id: RequestId


class ExplainEventResult(Message, frozen=True):
    """`event` is JSON. `changes` are those of the policies and tags that the decisions rested on."""

    event: str
    changes: tuple[PolicyChange, ...] = ()


class GetOrganizationRequest(Message, frozen=True):
    """Answers the organization that the account is in."""


class GetOrganizationResult(Message, frozen=True):
    """`organization` is JSON, as a file of `tabard organization apply` has it."""

    organization: OrganizationDocument


class PutOrganizationRequest(Message, frozen=True):
    """Puts an organization in force, in place of the one before."""

    organization: OrganizationDocument


class DeleteOrganizationRequest(Message, frozen=True):
    """Takes the account out of its organization: its control policies bind nobody any more."""


class DeleteOrganizationResult(Message, frozen=True):
    """The organization that it was in."""

    organization_id: str


class GetPrincipalPoliciesRequest(Message, frozen=True):
    """Answers what a simulation of a principal needs: its policies, and the keys of the caller.

    `principal`: role/NAME, user/NAME, group/NAME or an ARN. `caller_arn`: who would ask, if another.
    """

    principal: PrincipalName
    caller_arn: CallerArn = ""


class PrincipalPolicy(Message, frozen=True):
    """One policy: `name` is its own among those of its layer, `source_id` what AWS calls it.

    `holder` is the name of the user, group or role that an inline policy belongs to.
    """

    name: str
    source_id: str
    source_type: str
    document: str
    holder: str = ""


class CallerKey(Message, frozen=True):
    """A condition key that follows from who calls."""

    key: str
    values: tuple[str, ...]
    is_multivalued: bool = False


class GetPrincipalPoliciesResult(Message, frozen=True):
    """`organization` is JSON; empty where the account is in none."""

    principal_arn: str
    account_id: str
    identity_policies: tuple[PrincipalPolicy, ...] = ()
    boundary: tuple[PrincipalPolicy, ...] = ()
    caller_keys: tuple[CallerKey, ...] = ()
    organization: str = ""


class GetIdentityCertificateRequest(Message, frozen=True):
    """Answers the certificate with which instance identity documents are signed; it is no secret."""


class GetIdentityCertificateResult(Message, frozen=True):
    """`certificate` is PEM."""

    certificate: str
