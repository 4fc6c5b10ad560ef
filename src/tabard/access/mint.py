"""Session minting. This module is the only caller of `seal`, and it requires a Permit."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from tabard.access.authorize import Decided, Permit
from tabard.access.check import Check
from tabard.clock import iso8601
from tabard.credentials.keyring import LONGEST_SESSION, Keyring
from tabard.credentials.token import seal
from tabard.errors import AwsError
from tabard.model.role import Role
from tabard.model.session import InstanceFacts, MintedSession, Session
from tabard.names import new_access_key_id, new_secret_access_key
from tabard.policy import (
    AccessRequest,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    decide,
    denial_sentence,
)
from tabard.store.snapshot import NO_POLICIES, Snapshot

_SECOND = timedelta(seconds=1)
EC2_SERVICE_PRINCIPAL = "ec2.amazonaws.com"

SHORTEST_INSTANCE_SESSION = timedelta(minutes=20)
"""botocore refreshes at 15 minutes left and may sign with an expired session for ten more: shorter sessions
cannot be made safe for it."""


SHORTEST_SESSION = timedelta(minutes=15)
"""AWS (AssumeRole): "The value can range from 900 seconds (15 minutes) up to the maximum session duration set
for the role", which is 12 hours at most."""


class InstanceRoleNotTrusted(AwsError):
    """The role's trust policy does not let EC2 assume it.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html
    """

    code = "AssumeRoleUnauthorizedAccess"
    status = 403
    sentence = (
        "EC2 cannot assume the role {role_name}. Please see documentation at "
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc."
    )

    def __init__(self, *, role_name: str, denial: Decided) -> None:
        """Args: denial: the decision of the role's trust policy, for the audit."""
        super().__init__(role_name=role_name)
        self.denial = denial
        self.reason = denial_sentence(denial.request, denial.decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mint:
    """Makes sessions from one snapshot, sealed under one keyring.

    INVARIANT: no session lives longer than `LONGEST_SESSION`, so none outlives the keyring's keys.
    """

    snapshot: Snapshot = field(repr=False)
    keyring: Keyring = field(repr=False)
    instance_session_lifetime: timedelta

    def __post_init__(self) -> None:
        if not SHORTEST_INSTANCE_SESSION <= self.instance_session_lifetime <= LONGEST_SESSION:
            raise ValueError("instance sessions live 20 minutes at least and 12 hours at most")

    def assume_role(
        self,
        permit: Permit,
        *,
        role: Role,
        session_name: str,
        lifetime: timedelta,
        session_policies: tuple[str, ...] = (),
        session_policy_arns: tuple[str, ...] = (),
        tags: tuple[tuple[str, str], ...] = (),
        transitive_tag_keys: tuple[str, ...] = (),
        source_identity: str = "",
    ) -> MintedSession:
        """Make a session for a caller who may `sts:AssumeRole` on the role.

        Args:
            lifetime: 15 minutes to 12 hours.
            session_policies: documents; `session_policy_arns`: managed policies.
        Raises:
            AccessDenied: the permit is for something else. PackedPolicyTooLarge.
        """
        permit.require("sts:AssumeRole", role.arn)
        if not SHORTEST_SESSION <= lifetime <= LONGEST_SESSION:
            raise ValueError("sessions live 15 minutes at least and 12 hours at most")
        session = _new_session(permit, role=role, session_name=session_name, lifetime=lifetime)
        return self._seal(
            replace(
                session,
                session_policies=session_policies,
                session_policy_arns=session_policy_arns,
                tags=tags,
                transitive_tag_keys=transitive_tag_keys,
                source_identity=source_identity,
            )
        )

    def for_instance(
        self, permit: Permit, *, role: Role, instance: InstanceFacts
    ) -> tuple[MintedSession, Decided]:
        """Make a session for an instance, if the role's trust policy lets EC2 assume it. Name it by the id.

        Returns:
            The session, and the decision of the trust policy.
        Raises:
            AccessDenied: the permit is for another instance. InstanceRoleNotTrusted.
        """
        permit.require(
            "hosts:GetInstanceSession",
            f"arn:{permit.partition}:ec2:{permit.region}:{permit.account_id}:instance/{instance.instance_id}",
        )
        decided = self._whether_ec2_may_assume(permit, role, instance)
        if not decided.decision.allowed:
            raise InstanceRoleNotTrusted(role_name=role.name, denial=decided)
        session = _new_session(
            permit, role=role, session_name=instance.instance_id, lifetime=self.instance_session_lifetime
        )
        return self._seal(replace(self._after_marks(session, instance), instance=instance)), decided

    def _after_marks(self, session: Session, instance: InstanceFacts) -> Session:
        """Move the issue time past a revocation mark that ended the instance's earlier sessions this second.

        INVARIANT: a mark further in the future revokes permanently, and stays later than every session.
        """
        mark = self.snapshot.revoked_at("instance", instance.instance_id)
        if mark is None or not session.issued_at <= mark < session.issued_at + _SECOND:
            return session
        return replace(session, issued_at=mark + _SECOND, expires_at=session.expires_at + _SECOND)

    def _whether_ec2_may_assume(self, permit: Permit, role: Role, instance: InstanceFacts) -> Decided:
        """Decide whether the role's current trust policy lets EC2 assume it for this instance."""
        context: dict[str, tuple[str, ...]] = {
            "aws:currenttime": (iso8601(permit.now),),
            "aws:epochtime": (str(int(permit.now.timestamp())),),
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (EC2_SERVICE_PRINCIPAL,),
            "aws:requestedregion": (permit.region,),
            "aws:sourceaccount": (permit.account_id,),
            "aws:resourceaccount": (permit.account_id,),
            "sts:rolesessionname": (instance.instance_id,),
            **self.snapshot.controls.resource_keys,
        }
        request = AccessRequest(
            action="sts:AssumeRole",
            resource=role.arn,
            principal=PolicyPrincipal(
                kind=PrincipalKind.SERVICE,
                arn=EC2_SERVICE_PRINCIPAL,
                account_id="",
                service=EC2_SERVICE_PRINCIPAL,
            ),
            context=RequestContext(context),
            resource_account=permit.account_id,
        )
        # Resource control policies bind AWS's services too, unless they say aws:PrincipalIsAWSService.
        layers = PolicyLayers(
            identity=NO_POLICIES,
            resource=self.snapshot.trust_policy(role.role_id),
            resource_control=self.snapshot.controls.resource,
        )
        check = Check(action=request.action, resource=role.arn, resource_policy=layers.resource)
        return Decided(check, request, layers, decide(request, layers))

    def _seal(self, session: Session) -> MintedSession:
        return MintedSession(session=session, session_token=seal(session, self.keyring))


def _new_session(permit: Permit, *, role: Role, session_name: str, lifetime: timedelta) -> Session:
    issued_at = permit.now.replace(microsecond=0)
    return Session(
        access_key_id=new_access_key_id("ASIA", role.account_id),
        account_id=role.account_id,
        role_id=role.role_id,
        session_name=session_name,
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
        secret_access_key=new_secret_access_key(),
    )
