"""Identity documents: what they say, who gets them, and what vouches for them."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tabard.access.caller import Caller
from tabard.errors import AwsError
from tests.support.ec2_account import UNKNOWN_INSTANCE, Ec2Account, policy
from tests.support.one_account import identity_key


def identity(ec2: Ec2Account, instance_id: str, *, as_: Caller | None = None) -> dict[str, str]:
    answer: dict[str, str] = ec2.account.call(
        "hosts", "GetInstanceIdentity", {"InstanceId": instance_id}, as_=as_ or ec2.account.host
    )
    return answer


def test_the_document_describes_the_instance(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id(InstanceType="t3.micro")
    instance = ec2.instance(instance_id)
    document = identity(ec2, instance_id)["Document"]
    assert document.startswith('{\n  "accountId" : "123456789012",\n')
    assert json.loads(document) == {
        "accountId": "123456789012",
        "architecture": "x86_64",
        "availabilityZone": "us-east-1a",
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": instance.image_id,
        "instanceId": instance_id,
        "instanceType": "t3.micro",
        "kernelId": None,
        "pendingTime": "2026-01-31T12:00:00Z",
        "privateIp": instance.private_ip_address,
        "ramdiskId": None,
        "region": "us-east-1",
        "version": "2017-09-30",
    }


def test_the_signature_is_the_installations(ec2: Ec2Account) -> None:
    told = identity(ec2, ec2.launch_id())
    key = identity_key().certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    signature = base64.b64decode(told["Signature"])
    key.verify(signature, told["Document"].encode(), padding.PKCS1v15(), hashes.SHA256())
    assert told == identity(ec2, json.loads(told["Document"])["instanceId"])
    assert max(len(line) for line in told["Pkcs7"].split("\n")) == 64


@pytest.mark.parametrize("member", ["Pkcs7", "Rsa2048"])
@pytest.mark.parametrize("altered", [False, True])
def test_openssl_verifies_it_and_nothing_else(
    ec2: Ec2Account, tmp_path: Path, member: str, altered: bool
) -> None:
    told = identity(ec2, ec2.launch_id())
    certificate = identity_key().certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "certificate").write_bytes(certificate)
    (tmp_path / "signed").write_text(f"-----BEGIN PKCS7-----\n{told[member]}\n-----END PKCS7-----\n")
    document = told["Document"].replace("us-east-1a", "us-east-1b") if altered else told["Document"]
    (tmp_path / "document").write_text(document)
    verify = "openssl smime -verify -in signed -inform PEM -content document -certfile certificate -noverify"
    done = subprocess.run(verify.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is not altered, done.stderr
    if not altered:
        assert done.stdout == document
        # The document is in it: some read it from there and never ask for it.
        alone = [word for word in verify.split() if word not in ("-content", "document")]
        assert subprocess.run(alone, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_only_the_instances_own_host_is_given_it(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    everything = ec2.account.add_user("everything", policy(Action="*"))
    for caller, named in ((everything, instance_id), (ec2.account.host, UNKNOWN_INSTANCE)):
        with pytest.raises(AwsError) as refused:
            identity(ec2, named, as_=caller)
        assert refused.value.http_status in (400, 403)
        assert refused.value.error_code.startswith("AccessDenied")
