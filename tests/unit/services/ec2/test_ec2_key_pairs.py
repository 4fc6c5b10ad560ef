"""Key pairs: made, imported, described, deleted, launched with."""

import base64
import hashlib

import botocore.session
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tabard.errors import AwsError
from tabard.services.ec2.key_pairs.ssh_keys import create_key
from tests.support.ec2_account import ACCOUNT_ID, REGION, Answer, Ec2Account, operation_of, policy

MODEL = botocore.session.get_session().get_service_model("ec2")
HERE = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
RSA_LINE = RSA.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
RSA_DER = RSA.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()
ED25519_LINE = ED25519.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
TEAM_A = [{"ResourceType": "key-pair", "Tags": [{"Key": "team", "Value": "a"}]}]
UNKNOWN_KEY_PAIR = "key-00000000000000000"


def pairs(digest: bytes) -> str:
    return digest.hex(":")


def rfc_4716(*headers: str) -> bytes:
    body = RSA_LINE.split(b" ")[1].decode()
    lines = [body[at : at + 70] for at in range(0, len(body), 70)]
    return "\r\n".join(
        ["---- BEGIN SSH2 PUBLIC KEY ----", *headers, *lines, "---- END SSH2 PUBLIC KEY ----", ""]
    ).encode()


def import_mine(ec2: Ec2Account, name: str = "mine", **more: object) -> Answer:
    return ec2.call("ImportKeyPair", KeyName=name, PublicKeyMaterial=ED25519_LINE, **more)


def names(ec2: Ec2Account, **asked: object) -> list[str]:
    return [each["KeyName"] for each in ec2.call("DescribeKeyPairs", **asked)["KeyPairs"]]


def test_a_created_rsa_key_is_known_by_the_sha1_of_its_private_half(ec2: Ec2Account) -> None:
    made = ec2.call("CreateKeyPair", KeyName="mine")
    assert made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(made["KeyMaterial"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert made["KeyFingerprint"] == pairs(hashlib.sha1(pkcs8).digest())
    (shown,) = ec2.call("DescribeKeyPairs", IncludePublicKey=True)["KeyPairs"]
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert shown == {
        "KeyPairId": made["KeyPairId"],
        "KeyType": "rsa",
        "KeyName": "mine",
        "KeyFingerprint": made["KeyFingerprint"],
        "CreateTime": ec2.account.now,
        "Tags": [],
        "PublicKey": f"{public} mine",
    }


def test_a_created_ed25519_key_is_known_as_openssh_knows_it(ec2: Ec2Account) -> None:
    made = ec2.call("CreateKeyPair", KeyName="mine", KeyType="ed25519", KeyFormat="pem")
    assert made["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    key = serialization.load_ssh_private_key(made["KeyMaterial"].encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(line.split(b" ")[1])).digest()
    assert made["KeyFingerprint"] == base64.b64encode(digest).decode()


def test_a_private_key_is_told_once_and_kept_nowhere(ec2: Ec2Account) -> None:
    made = ec2.call("CreateKeyPair", KeyName="mine", KeyType="ed25519")
    told = made["KeyMaterial"].split("\n")[2]
    kept = [*ec2.snapshot.key_pairs.values(), ec2.call("DescribeKeyPairs", IncludePublicKey=True)]
    assert kept
    assert told not in repr(kept)
    assert create_key("ed25519").private_key_pem not in repr(create_key("ed25519"))
    assert "PRIVATE" not in repr(create_key("ed25519"))


@pytest.mark.parametrize(
    "material",
    [
        RSA_LINE,
        RSA_LINE + b" somebody@somewhere\n",
        base64.b64encode(RSA_DER),
        base64.encodebytes(RSA_DER),
        rfc_4716(),
        rfc_4716("Subject: somebody", 'Comment: "2048-bit RSA, \\', 'made: today"'),
    ],
    ids=["openssh", "openssh-commented", "der", "der-in-lines", "rfc4716", "rfc4716-headers"],
)
def test_an_rsa_key_is_imported_in_each_of_awss_formats(ec2: Ec2Account, material: bytes) -> None:
    made = ec2.call("ImportKeyPair", KeyName="mine", PublicKeyMaterial=material)
    assert made["KeyFingerprint"] == pairs(hashlib.md5(RSA_DER).digest())
    (shown,) = ec2.call("DescribeKeyPairs", IncludePublicKey=True)["KeyPairs"]
    assert shown["PublicKey"] == RSA_LINE.decode() + " mine"
    assert shown["KeyType"] == "rsa"


def test_an_ed25519_key_is_imported(ec2: Ec2Account) -> None:
    made = import_mine(ec2)
    digest = hashlib.sha256(base64.b64decode(ED25519_LINE.split(b" ")[1])).digest()
    assert made["KeyFingerprint"] == base64.b64encode(digest).decode()
    (shown,) = ec2.call("DescribeKeyPairs")["KeyPairs"]
    assert shown["KeyType"] == "ed25519"
    assert "PublicKey" not in shown


def other_kinds() -> dict[str, bytes]:
    on_curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    of_dsa = dsa.generate_private_key(1024).public_key()
    return {
        "ecdsa": on_curve.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "ecdsa-der": base64.b64encode(on_curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        "ed25519-der": base64.b64encode(
            ED25519.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ),
        "dsa-der": base64.b64encode(of_dsa.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        "pem": RSA.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }


NO_KEYS = {
    "nothing": b"",
    "nonsense": b"nonsense",
    "no-body": b"ssh-rsa",
    "short-body": b"ssh-rsa AAAA",
    "dsa": b"ssh-dss AAAAB3NzaC1kc3M=",
    "another-kind": b"ssh-ed25519 " + RSA_LINE.split(b" ")[1],
    "bytes": b"\xff\xfe",
    "two-lines": RSA_LINE + b"\n" + RSA_LINE,
    "rfc4716-another-end": rfc_4716().replace(b"END", b"ENDE"),
    "rfc4716-endless-header": rfc_4716("Comment: it never ends \\"),
    "rfc4716-begin-alone": b"---- BEGIN SSH2 PUBLIC KEY ----",
    "rfc4716-headers-alone": b"---- BEGIN SSH2 PUBLIC KEY ----\n" + b"a:\\\n" * 4000,
    "long": b"A" * 16385,
    **other_kinds(),
}


@pytest.mark.parametrize("material", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_for_a_key_pair_is_refused(ec2: Ec2Account, material: bytes) -> None:
    refusal = ec2.refused("ImportKeyPair", KeyName="mine", PublicKeyMaterial=material)
    assert refusal == ("InvalidKey.Format", 400, "Key is not in valid OpenSSH public key format")
    assert not ec2.snapshot.key_pairs


def test_an_rsa_key_of_another_size_is_refused(ec2: Ec2Account) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1536).public_key()
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    code, _, message = ec2.refused("ImportKeyPair", KeyName="mine", PublicKeyMaterial=line)
    assert (code, "1536" in message) == ("InvalidKey.Format", True)


@pytest.mark.parametrize("name", ["", " mine", "mine ", "m" * 256, "zwölf", "two\nlines"])
def test_a_name_that_cannot_be_is_refused(ec2: Ec2Account, name: str) -> None:
    asked = {"KeyName": name, "PublicKeyMaterial": ED25519_LINE}
    assert ec2.refused("ImportKeyPair", **asked)[0] == "InvalidParameterValue"
    assert ec2.refused("CreateKeyPair", KeyName=name)[0] == "InvalidParameterValue"


@pytest.mark.parametrize("name", ["m", "m" * 255, "my key/of:today *"])
def test_a_name_of_printable_ascii_is_kept_as_it_is(ec2: Ec2Account, name: str) -> None:
    import_mine(ec2, name)
    assert names(ec2, KeyNames=[name]) == [name]


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"KeyType": "dsa"}, "InvalidParameterValue", "rsa, ed25519"),
        ({"KeyFormat": "ppk"}, "UnsupportedOperation", "puttygen"),
        ({"KeyFormat": "der"}, "InvalidParameterValue", "pem"),
        ({"DryRun": True}, "DryRunOperation", "DryRun"),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": []}]},
            "UnsupportedOperation",
            "key-pair",
        ),
    ],
)
def test_what_cannot_be_created_is_refused(
    ec2: Ec2Account, asked: dict[str, object], code: str, words: str
) -> None:
    refusal = ec2.refused("CreateKeyPair", KeyName="mine", **asked)
    assert refusal[0] == code
    assert words in refusal[2]
    assert not ec2.snapshot.key_pairs


def test_a_name_is_taken_once_in_each_region_and_by_its_exact_letters(ec2: Ec2Account) -> None:
    import_mine(ec2)
    refusal = ("InvalidKeyPair.Duplicate", 400, "The keypair already exists: 'mine'")
    assert ec2.refused("ImportKeyPair", KeyName="mine", PublicKeyMaterial=RSA_LINE) == refusal
    assert ec2.refused("CreateKeyPair", KeyName="mine") == refusal
    import_mine(ec2, "Mine")
    ec2.call_in("eu-west-1", "ImportKeyPair", KeyName="mine", PublicKeyMaterial=ED25519_LINE)
    assert names(ec2) == ["Mine", "mine"]


def test_key_pairs_are_described_by_name_by_id_and_by_filter(ec2: Ec2Account) -> None:
    one = import_mine(ec2, "one", TagSpecifications=TEAM_A)
    two = import_mine(ec2, "two")
    assert names(ec2, KeyNames=["two", "one"]) == ["one", "two"]
    assert names(ec2, KeyPairIds=[two["KeyPairId"]]) == ["two"]
    assert names(ec2, KeyPairIds=[two["KeyPairId"]], KeyNames=["one", "two"]) == ["one", "two"]
    for wanted, found in [
        (("key-name", "o*"), ["one"]),
        (("key-pair-id", one["KeyPairId"]), ["one"]),
        (("fingerprint", one["KeyFingerprint"]), ["one", "two"]),
        (("tag:team", "a"), ["one"]),
        (("tag-key", "team"), ["one"]),
    ]:
        assert names(ec2, Filters=[{"Name": wanted[0], "Values": [wanted[1]]}]) == found
    assert ec2.refused("DescribeKeyPairs", Filters=[{"Name": "x", "Values": ["y"]}])[0] == (
        "InvalidParameterValue"
    )
    assert ec2.refused("DescribeKeyPairs", DryRun=True)[0] == "DryRunOperation"


def test_a_key_pair_that_is_not_there_or_elsewhere_is_not_found(ec2: Ec2Account) -> None:
    there = ec2.call_in("eu-west-1", "ImportKeyPair", KeyName="mine", PublicKeyMaterial=ED25519_LINE)
    code = "InvalidKeyPair.NotFound"
    assert ec2.refused("DescribeKeyPairs", KeyNames=["mine"]) == (
        code, 400, "The key pair 'mine' does not exist",
    )  # fmt: skip
    for key_pair_id in (there["KeyPairId"], UNKNOWN_KEY_PAIR):
        sentence = f"The key pair ID '{key_pair_id}' does not exist"
        assert ec2.refused("DescribeKeyPairs", KeyPairIds=[key_pair_id]) == (code, 400, sentence)
        tags = [{"Key": "team", "Value": "a"}]
        assert ec2.refused("CreateTags", Resources=[key_pair_id], Tags=tags) == (code, 400, sentence)
        assert ec2.call("DeleteKeyPair", KeyPairId=key_pair_id) == {"Return": True}
    assert len(ec2.snapshot.key_pairs) == 1


def test_a_key_pair_is_deleted_by_name_or_by_id_and_what_is_gone_is_no_error(ec2: Ec2Account) -> None:
    one, two = import_mine(ec2, "one"), import_mine(ec2, "two")
    assert ec2.refused("DeleteKeyPair", KeyName="one", DryRun=True)[0] == "DryRunOperation"
    assert ec2.refused("DeleteKeyPair")[0] == "MissingParameter"
    gone = {"Return": True, "KeyPairId": one["KeyPairId"]}
    assert ec2.call("DeleteKeyPair", KeyName="one") == gone
    assert ec2.call("DeleteKeyPair", KeyPairId=two["KeyPairId"])["Return"] is True
    assert ec2.call("DeleteKeyPair", KeyName="one") == {"Return": True}
    assert not ec2.snapshot.key_pairs


def test_tags_of_key_pairs_are_told_with_those_of_instances(ec2: Ec2Account) -> None:
    key_pair_id = import_mine(ec2, TagSpecifications=TEAM_A)["KeyPairId"]
    ec2.call("CreateTags", Resources=[key_pair_id, ec2.launch_id()], Tags=[{"Key": "stage", "Value": "test"}])
    only = [{"Name": "resource-type", "Values": ["key-pair"]}]
    told = ec2.call("DescribeTags", Filters=only)["Tags"]
    assert [(each["Key"], each["ResourceId"]) for each in told] == [
        ("stage", key_pair_id),
        ("team", key_pair_id),
    ]
    assert len(ec2.call("DescribeTags")["Tags"]) == 3
    ec2.call("DeleteTags", Resources=[key_pair_id], Tags=[{"Key": "team"}])
    assert ec2.call("DescribeKeyPairs")["KeyPairs"][0]["Tags"] == [{"Key": "stage", "Value": "test"}]
    assert not ec2.call_in("eu-west-1", "DescribeTags")["Tags"]


def test_creating_and_importing_are_decided_about_the_name(ec2: Ec2Account) -> None:
    maker = ec2.account.add_user(
        "maker",
        policy(
            Action="ec2:CreateKeyPair",
            Resource=f"{HERE}:key-pair/ci-*",
            Condition={"StringEquals": {"ec2:KeyPairType": "ed25519"}},
        ),
        policy(Action="ec2:ImportKeyPair", Resource=f"{HERE}:key-pair/ci-*"),
    )
    assert ec2.call("CreateKeyPair", as_=maker, KeyName="ci-1", KeyType="ed25519")
    assert ec2.call("ImportKeyPair", as_=maker, KeyName="ci-2", PublicKeyMaterial=ED25519_LINE)
    for asked in ({"KeyName": "ci-3"}, {"KeyName": "web", "KeyType": "ed25519"}):
        assert ec2.refused("CreateKeyPair", as_=maker, **asked)[0] == "UnauthorizedOperation"
    refusal = ec2.refused("ImportKeyPair", as_=maker, KeyName="web", PublicKeyMaterial=ED25519_LINE)
    assert f"{HERE}:key-pair/web" in refusal[2]
    tagged = {"KeyName": "ci-4", "KeyType": "ed25519", "TagSpecifications": TEAM_A}
    assert "ec2:CreateTags" in ec2.refused("CreateKeyPair", as_=maker, **tagged)[2]


def test_a_new_key_pairs_tags_need_create_tags_of_this_very_operation(ec2: Ec2Account) -> None:
    tagger = ec2.account.add_user(
        "tagger",
        policy(Action=["ec2:CreateKeyPair", "ec2:ImportKeyPair"]),
        policy(
            Action="ec2:CreateTags",
            Resource=f"{HERE}:key-pair/*",
            Condition={"StringEquals": {"ec2:CreateAction": "ImportKeyPair", "aws:RequestTag/team": "a"}},
        ),
    )
    asked = {"KeyName": "mine", "TagSpecifications": TEAM_A}
    assert ec2.refused("CreateKeyPair", as_=tagger, **asked)[0] == "UnauthorizedOperation"
    assert ec2.call("ImportKeyPair", as_=tagger, PublicKeyMaterial=ED25519_LINE, **asked)["Tags"] == [
        {"Key": "team", "Value": "a"}
    ]


@pytest.mark.parametrize(
    "condition",
    [
        {"ec2:KeyPairName": "mine"},
        {"ec2:KeyPairType": "ed25519"},
        {"ec2:ResourceTag/team": "a"},
        {"aws:ResourceTag/team": "a"},
        {"ec2:Region": REGION},
    ],
)
def test_an_existing_key_pair_is_decided_about_with_what_it_is(
    ec2: Ec2Account, condition: dict[str, str]
) -> None:
    """By its name, also where a request says its id; and each condition alone makes the difference."""
    key_pair_id = import_mine(ec2, TagSpecifications=TEAM_A)["KeyPairId"]
    other_id = ec2.call("CreateKeyPair", KeyName="other")["KeyPairId"]
    statement = {"Resource": f"{HERE}:key-pair/*", "Condition": {"StringEquals": condition}}
    user = ec2.account.add_user("user", policy(Action=["ec2:DeleteKeyPair", "ec2:CreateTags"], **statement))
    tags = [{"Key": "stage", "Value": "test"}]
    if "ec2:Region" not in condition:
        for name, asked in (
            ("CreateTags", {"Resources": [other_id], "Tags": tags}),
            ("DeleteKeyPair", {"KeyPairId": other_id}),
            ("DeleteKeyPair", {"KeyName": "other"}),
        ):
            assert ec2.refused(name, as_=user, **asked)[0] == "UnauthorizedOperation"
    ec2.call("CreateTags", as_=user, Resources=[key_pair_id], Tags=tags)
    assert ec2.call("DeleteKeyPair", as_=user, KeyPairId=key_pair_id)["KeyPairId"] == key_pair_id


def test_what_was_decided_about_is_what_is_deleted(ec2: Ec2Account) -> None:
    """The id was another key pair's when it was decided about."""
    import_mine(ec2, "mine")
    decided = operation_of("ec2", "DeleteKeyPair")
    request = decided.request(key_name="gone")
    account = ec2.account
    permit = account.permit(
        account.admin, *decided.checks(request, account.facts(account.admin)), service="ec2"
    )
    with pytest.raises(AwsError) as refusal:
        account.perform(decided, permit, decided.request(key_name="mine"))
    assert refusal.value.http_status == 403


def test_an_instance_keeps_the_public_key_that_it_was_launched_with(ec2: Ec2Account) -> None:
    import_mine(ec2)
    (shown,) = ec2.launch(KeyName="mine")
    assert shown["KeyName"] == "mine"
    ec2.call("DeleteKeyPair", KeyName="mine")
    ec2.call("ImportKeyPair", KeyName="mine", PublicKeyMaterial=RSA_LINE)
    assert ec2.instance(shown["InstanceId"]).public_key == ED25519_LINE.decode() + " mine"
    wanted = [{"Name": "key-name", "Values": ["mine"]}]
    ec2.launch()
    (reservation,) = ec2.call("DescribeInstances", Filters=wanted)["Reservations"]
    assert reservation["Instances"][0]["KeyName"] == "mine"


def test_a_launch_is_decided_about_the_key_pair_with_what_it_is(ec2: Ec2Account) -> None:
    import_mine(ec2, TagSpecifications=TEAM_A)
    ec2.call("CreateKeyPair", KeyName="other")
    launcher = ec2.account.add_user(
        "launcher",
        policy(Action="ec2:RunInstances", NotResource=f"{HERE}:key-pair/*").replace('"Resource":"*",', ""),
        policy(
            Action="ec2:RunInstances",
            Resource=f"{HERE}:key-pair/*",
            Condition={"StringEquals": {"ec2:ResourceTag/team": "a", "ec2:KeyPairType": "ed25519"}},
        ),
    )
    assert ec2.launch(as_=launcher, KeyName="mine")
    assert f"{HERE}:key-pair/other" in ec2.refused_launch(as_=launcher, KeyName="other")[2]


@pytest.mark.parametrize(
    "name", ["CreateKeyPair", "ImportKeyPair", "DescribeKeyPairs", "DeleteKeyPair", "CreateTags"]
)
def test_a_request_has_exactly_the_members_of_awss_shape(name: str) -> None:
    shape = MODEL.operation_model(name).input_shape
    request = operation_of("ec2", name).request
    assert set(request.__struct_encode_fields__) == set(shape.members)
