"""Enrollment: a machine becomes a host with one instance; later it rotates its key."""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.caller import CallerKind
from tabard.access.check import Check
from tabard.access.refusals import AccessDenied
from tabard.credentials.certificate_authority import (
    CertificateRequest,
    CertificateRequestUnusable,
    read_certificate_request,
)
from tabard.model.host import Host
from tabard.model.instance import Instance, InstanceState
from tabard.model.join_token import JoinToken
from tabard.model.messages import (
    EnrollHostRequest,
    EnrollHostResult,
    RenewHostCertificateRequest,
    RenewHostCertificateResult,
)
from tabard.model.tag import Tag
from tabard.names import new_resource_id
from tabard.services.ec2.launch.images import MACHINE_IMAGE
from tabard.services.ec2.launch_request import MetadataOptionsRequest
from tabard.services.ec2.metadata.defaults import metadata_defaults
from tabard.services.ec2.metadata.options import metadata_options
from tabard.services.ec2.network.default_vpc import default_vpc, mac_address
from tabard.services.ec2.pass_role import new_association
from tabard.services.ec2.placement import free_addresses
from tabard.services.hosts.answers import answer
from tabard.services.hosts.checks import host_arn
from tabard.services.hosts.errors import (
    HostNotFound,
    InstanceProfileNotFound,
    InvalidCertificateRequest,
    JoinTokenForAnotherHost,
    JoinTokenUsed,
)
from tabard.services.hosts.join_tokens import certificate_authority, join_token_arn
from tabard.services.operation import Facts, Operation, Output, Write
from tabard.store.ports import Transaction

_INSTANCE_TYPE = "m1.small"
"""EC2's own default. It is stored and shown, but has no effect."""

_ENROLL = "hosts:EnrollHost"
_RENEW = "hosts:RenewHostCertificate"


def enroll_host_checks(request: EnrollHostRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:EnrollHost on the join token."""
    return [Check(action=_ENROLL, resource=join_token_arn(facts, request.join_token_id))]


def enroll_host(permit: Permit, request: EnrollHostRequest, tx: Transaction) -> Output:
    """Enroll the machine with a join token: make its host, and the instance that is this machine.

    Args:
        permit: proof that the caller has this join token: no policy gives this to anybody else.
        request: the machine's own name, and a certificate request for its own key.
    Returns:
        Host, instance (`pending` until its agent has reported) and certificate. The same key with the same
        token is the same enrollment, so that a machine can retry after a lost answer.
    Raises:
        JoinTokenUsed, JoinTokenForAnotherHost, InvalidCertificateRequest, InstanceProfileNotFound (400 each):
        nothing was made. AccessDenied: the caller has no join token, or another one.
    Differs: EC2 has no such operation.
    """
    permit.require(_ENROLL, join_token_arn(permit, request.join_token_id))
    token = tx.join_tokens.get(request.join_token_id)
    if permit.caller.kind is not CallerKind.JOIN_TOKEN or permit.caller.owner_id != request.join_token_id:
        raise AccessDenied(
            "hosts",
            f"User: {permit.caller.arn} is not authorized to perform: {_ENROLL} because only the bearer of a "
            "join token enrolls with it",
        )
    if token is None:
        raise JoinTokenUsed(token_id=request.join_token_id)
    if request.host_name != token.host_name:
        raise JoinTokenForAnotherHost(token_id=token.token_id, host_name=request.host_name)
    asked = _read(request.certificate_request)
    host = _new_host(permit, token, asked)
    if tx.join_tokens.claim(
        token.token_id, key_fingerprint=asked.fingerprint, host_id=host.host_id, now=permit.now
    ):
        tx.hosts.insert(host)
        instance = _new_instance(permit, host, token, tx)
    else:
        host, instance = _enrolled_before(token.token_id, asked, tx)
    return answer(
        EnrollHostResult(
            host_id=host.host_id,
            arn=host.arn,
            instance_id=instance.instance_id,
            region=host.region,
            certificate=certificate_authority(tx).issue_to_host(host, asked, now=permit.now),
        )
    )


def renew_host_certificate_checks(request: RenewHostCertificateRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:RenewHostCertificate on the host."""
    return [Check(action=_RENEW, resource=host_arn(facts, request.host_id))]


def renew_host_certificate(permit: Permit, request: RenewHostCertificateRequest, tx: Transaction) -> Output:
    """Issue a certificate for an enrolled host: for a new key, or a later one for its present key.

    Both keys are valid until the host reports, or requests another certificate, with the new key. Then the
    former key is refused. So a lost answer locks no machine out. Of two new keys the later one counts.

    Raises:
        HostNotFound, InvalidCertificateRequest (400 each). AccessDenied: the caller is not this host.
    Differs: EC2 has no such operation.
    """
    permit.require(_RENEW, host_arn(permit, request.host_id))
    host = tx.hosts.get(request.host_id)
    # INVARIANT: a principal with `hosts:*` is not a host: only the host itself gets its certificate.
    if permit.caller.kind is not CallerKind.HOST or permit.caller.owner_id != request.host_id:
        raise AccessDenied(
            "hosts",
            f"User: {permit.caller.arn} is not authorized to perform: {_RENEW} because only a host "
            "renews its own certificate",
        )
    if host is None or not host.is_enrolled:
        raise HostNotFound(host_id=request.host_id, region=permit.region)
    asked = _read(request.certificate_request)
    if host.next_key_fingerprint and permit.caller.access_key_id == host.next_key_fingerprint:
        # A machine that stopped before its report still uses this key: it must never be locked out.
        host = replace(host, key_fingerprint=host.next_key_fingerprint, next_key_fingerprint="")
        tx.hosts.update(host)
    if asked.fingerprint != host.key_fingerprint:
        tx.hosts.update(replace(host, next_key_fingerprint=asked.fingerprint))
    return answer(
        RenewHostCertificateResult(
            certificate=certificate_authority(tx).issue_to_host(host, asked, now=permit.now)
        )
    )


def _read(certificate_request: str) -> CertificateRequest:
    try:
        return read_certificate_request(certificate_request)
    except CertificateRequestUnusable as error:
        raise InvalidCertificateRequest(reason=str(error)) from None


def _new_host(permit: Permit, token: JoinToken, asked: CertificateRequest) -> Host:
    return Host(
        host_id=new_resource_id("h"),
        name=token.host_name,
        partition=token.partition,
        region=token.region,
        account_id=token.account_id,
        registered_at=permit.now,
        last_seen_at=permit.now,
        ephemeral=False,
        registered_by=token.token_id,
        key_fingerprint=asked.fingerprint,
    )


def _new_instance(permit: Permit, host: Host, token: JoinToken, tx: Transaction) -> Instance:
    instance_profile = (
        tx.instance_profiles.get(token.instance_profile_id) if token.instance_profile_id else None
    )
    if token.instance_profile_id and instance_profile is None:
        raise InstanceProfileNotFound(instance_profile_arn=token.instance_profile_id)
    instance_id = new_resource_id("i")
    vpc = default_vpc(account_id=host.account_id, region=host.region)
    (address,) = free_addresses([instance_id], vpc, tx)
    instance = Instance(
        instance_id=instance_id,
        reservation_id=new_resource_id("r"),
        owner_account_id=host.account_id,
        image_id=MACHINE_IMAGE.image_id,
        host_id=host.host_id,
        instance_type=_INSTANCE_TYPE,
        region=host.region,
        availability_zone=vpc.availability_zone,
        private_ip_address=address,
        mac_address=mac_address(instance_id),
        state=InstanceState.PENDING,
        metadata_options=metadata_options(
            MetadataOptionsRequest(), MACHINE_IMAGE, metadata_defaults(tx.installation.get, host.region)
        ),
        launched_at=permit.now,
        launched_by=permit.caller.arn,
        state_changed_at=permit.now,
        tags=(Tag(key="Name", value=host.name),),
    )
    tx.instances.insert(instance)
    if instance_profile is not None:
        tx.associations.insert(new_association(permit, instance, instance_profile))
    return instance


def _enrolled_before(token_id: str, asked: CertificateRequest, tx: Transaction) -> tuple[Host, Instance]:
    """Return the host and instance of the token, if this key used it and still belongs to the host."""
    token = tx.join_tokens.get(token_id)
    host = (
        tx.hosts.get(token.host_id) if token is not None and token.claimed_by == asked.fingerprint else None
    )
    if host is None or host.key_fingerprint != asked.fingerprint:
        raise JoinTokenUsed(token_id=token_id)
    instances = tx.instances.on_host(host.host_id)
    if not instances:
        raise JoinTokenUsed(token_id=token_id)
    return host, instances[0]


OPERATIONS: tuple[Operation, ...] = (
    Write(EnrollHostRequest, enroll_host_checks, enroll_host),
    Write(RenewHostCertificateRequest, renew_host_certificate_checks, renew_host_certificate),
)
