"""The messages between an administrator and the edge: the shapes of the `tabard` service."""

from datetime import datetime
from typing import Annotated, TypeAlias

from tabard.model.audit_event import Outcome
from tabard.model.member_bounds import Bound, InstanceId, WaitSeconds
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
    """One event of the audit; `event` is JSON, as in CloudTrail's LookupEvents."""

    number: EventNumber
    event: str


class LookupEventsRequest(Message, frozen=True):
    """Returns a page of the audit: the events after a number, or with `newest` the newest, by their time.

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
    """`last_number` is the number of the newest event; 0 if there is none.

    `next_token` is there where older events may match. A page that holds no event may have one.
    """

    events: tuple[NumberedEvent, ...] = ()
    last_number: EventNumber = 0
    next_token: NextToken | None = None


class FlushEventsRequest(Message, frozen=True):
    """Asks every edge to write the events that wait in its memory; WaitForEvents waits for that."""


class FlushEventsResult(Message, frozen=True):
    """`flush_number` is for WaitForEvents."""

    flush_number: EventNumber


class WaitForEventsRequest(Message, frozen=True):
    """Waits until every edge has done a flush: the audit then holds every request answered before it."""

    flush_number: EventNumber
    wait_seconds: WaitSeconds = 10


class WaitForEventsResult(Message, frozen=True):
    """`is_complete` is false where an edge has not done the flush within the time."""

    is_complete: bool = False


class ExplainEventRequest(Message, frozen=True):
    """Explains one request: its event, and the later changes to the inputs of its decision."""

    request_id: RequestId


class ExplainEventResult(Message, frozen=True):
    """`event` is JSON. `changes` are those of the policies and tags that the decisions rested on."""

    event: str
    changes: tuple[PolicyChange, ...] = ()


class GetOrganizationRequest(Message, frozen=True):
    """Returns the account's organization."""


class GetOrganizationResult(Message, frozen=True):
    """`organization` is JSON, in the form of a file of `tabard organization apply`."""

    organization: OrganizationDocument


class PutOrganizationRequest(Message, frozen=True):
    """Replaces the organization."""

    organization: OrganizationDocument


class DeleteOrganizationRequest(Message, frozen=True):
    """Removes the account from its organization: the control policies no longer apply."""


class DeleteOrganizationResult(Message, frozen=True):
    """The former organization."""

    organization_id: str


class GetPrincipalPoliciesRequest(Message, frozen=True):
    """Returns the inputs of a simulation of a principal: its policies, and the caller's condition keys.

    `principal`: role/NAME, user/NAME, group/NAME or an ARN. `caller_arn`: who would ask, if another.
    """

    principal: PrincipalName
    caller_arn: CallerArn = ""


class PrincipalPolicy(Message, frozen=True):
    """One policy: `name` is unique in its layer, `source_id` is AWS's identifier.

    `holder` is the name of the user, group or role of an inline policy.
    """

    name: str
    source_id: str
    source_type: str
    document: str
    holder: str = ""


class CallerKey(Message, frozen=True):
    """A condition key that depends on the caller."""

    key: str
    values: tuple[str, ...]
    is_multivalued: bool = False


class GetPrincipalPoliciesResult(Message, frozen=True):
    """`organization` is JSON; empty if the account has none."""

    principal_arn: str
    account_id: str
    identity_policies: tuple[PrincipalPolicy, ...] = ()
    boundary: tuple[PrincipalPolicy, ...] = ()
    caller_keys: tuple[CallerKey, ...] = ()
    organization: str = ""


class GetIdentityCertificateRequest(Message, frozen=True):
    """Returns the certificate of the key that signs instance identity documents; it is public."""


class GetIdentityCertificateResult(Message, frozen=True):
    """`certificate` is PEM."""

    certificate: str
