"""The signed identity document of an instance: the edge signs it, the host only passes it on."""

import json
from datetime import UTC

from tabard.access.authorize import Permit
from tabard.credentials.identity_certificate import IdentityKey
from tabard.model.instance import Image, Instance
from tabard.model.messages import GetInstanceIdentityRequest, GetInstanceIdentityResult
from tabard.services.hosts.answers import answer
from tabard.services.hosts.checks import get_instance_identity_checks
from tabard.services.hosts.own_instances import own_instance
from tabard.services.operation import Operation, Output, Signing
from tabard.store.snapshot import Snapshot

DOCUMENT_VERSION = "2017-09-30"


def get_instance_identity(
    permit: Permit, request: GetInstanceIdentityRequest, snapshot: Snapshot, key: IdentityKey
) -> Output:
    """Sign the identity document of an instance, for its metadata service.

    Args:
        permit: proof that the caller may hosts:GetInstanceIdentity on the instance.
    Returns:
        The document with its signatures by the installation's own certificate.
    Raises:
        AccessDenied: the caller is not the host of the instance, whatever its policies allow.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
    Differs: the certificate is the installation's own, not AWS's (`tabard identity-certificate` prints it).
        `pkcs7` is signed with RSA, like `rsa2048`; AWS signs it with DSA.
    """
    instance = own_instance(permit, "hosts:GetInstanceIdentity", request.instance_id, snapshot.instances)
    # INVARIANT: images are never removed.
    document = identity_document(instance, snapshot.images[instance.image_id])
    signed = key.sign(document.encode())
    return answer(
        GetInstanceIdentityResult(
            document=document, signature=signed.signature, pkcs7=signed.pkcs7, rsa2048=signed.pkcs7
        )
    )


def identity_document(instance: Instance, image: Image) -> str:
    """Return the document in EC2's layout.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/retrieve-iid.html
    """
    members = {
        "accountId": instance.owner_account_id,
        "architecture": image.architecture,
        "availabilityZone": instance.availability_zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": instance.image_id,
        "instanceId": instance.instance_id,
        "instanceType": instance.instance_type,
        "kernelId": None,
        "pendingTime": instance.launched_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "privateIp": instance.private_ip_address,
        "ramdiskId": None,
        "region": instance.region,
        "version": DOCUMENT_VERSION,
    }
    return json.dumps(members, indent=2, separators=(",", " : "), ensure_ascii=False)


OPERATIONS: tuple[Operation, ...] = (
    Signing(GetInstanceIdentityRequest, get_instance_identity_checks, get_instance_identity),
)
