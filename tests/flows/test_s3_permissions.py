"""An instance is held to its role's policy at S3."""

import json
from collections.abc import Mapping

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import Document, Instance, allow, fresh, statements

pytestmark = pytest.mark.flow

DENIED = ("AccessDenied", 403)


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("held")
    s3 = admin("s3")
    s3.create_bucket(Bucket=name)
    for key in ("public/a", "public/b", "secret/c"):
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def on_bucket(bucket: str, *actions: str, **more: object) -> Mapping[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}", **more}


def on_objects(bucket: str, pattern: str, *actions: str, effect: str = "Allow") -> Mapping[str, object]:
    return {"Effect": effect, "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}/{pattern}"}


@pytest.fixture(scope="module")
def reader(instance_of: InstanceOf, bucket: str) -> Instance:
    """May read and write public/*, and not list."""
    return instance_of(
        statements(on_objects(bucket, "public/*", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"))
    )


@pytest.fixture(scope="module")
def s3(reader: Instance) -> BaseClient:
    return reader.client("s3")


def test_what_is_allowed_works_and_nothing_else(s3: BaseClient, bucket: str) -> None:
    assert s3.get_object(Bucket=bucket, Key="public/a")["Body"].read() == b"public/a"
    s3.put_object(Bucket=bucket, Key="public/new", Body=b"n")
    for call, arguments in (
        (s3.get_object, {"Key": "secret/c"}),
        (s3.put_object, {"Key": "secret/new", "Body": b"n"}),
        (s3.delete_object, {"Key": "secret/c"}),
        (s3.create_multipart_upload, {"Key": "secret/new"}),
        (s3.list_objects_v2, {}),
        (s3.get_bucket_location, {}),
        (s3.delete_bucket, {}),
        (s3.list_multipart_uploads, {}),
        (s3.delete_objects, {"Delete": {"Objects": [{"Key": "secret/c"}]}}),
    ):
        if call == s3.delete_objects:
            assert call(Bucket=bucket, **arguments)["Errors"][0]["Code"] == "AccessDenied"
        else:
            assert refusal(call, Bucket=bucket, **arguments) == DENIED
    assert refusal(s3.head_object, Bucket=bucket, Key="secret/c") == ("403", 403)
    assert refusal(s3.head_bucket, Bucket=bucket) == ("403", 403)
    assert refusal(s3.list_buckets) == DENIED
    assert refusal(s3.create_bucket, Bucket=fresh("mine")) == DENIED


def test_a_denial_says_who_what_and_why(s3: BaseClient, reader: Instance, bucket: str) -> None:
    arn = f"arn:aws:sts::111122223333:assumed-role/{reader.instance_profile}/{reader.instance_id}"
    code, status, message = refusal_in_full(s3.get_object, Bucket=bucket, Key="secret/c")
    assert (code, status) == DENIED
    assert message == (
        f"User: {arn} is not authorized to perform: s3:GetObject on resource: "
        f'"arn:aws:s3:::{bucket}/secret/c" because no identity-based policy allows the s3:GetObject action'
    )


def test_an_explicit_deny_says_so(instance_of: InstanceOf, bucket: str) -> None:
    client = instance_of(
        allow("s3:*"), statements(on_objects(bucket, "secret/*", "s3:GetObject", effect="Deny"))
    ).client("s3")
    assert client.get_object(Bucket=bucket, Key="public/a")["Body"].read() == b"public/a"
    code, status, message = refusal_in_full(client.get_object, Bucket=bucket, Key="secret/c")
    assert (code, status) == DENIED
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_only_who_may_list_learns_that_an_object_is_not_there(
    s3: BaseClient, instance_of: InstanceOf, bucket: str
) -> None:
    """AWS: with s3:ListBucket an absent object is 404, without it 403.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html ("Permissions")
    """
    absent = {"Bucket": bucket, "Key": "public/absent"}
    assert refusal(s3.get_object, **absent) == DENIED
    assert refusal(s3.head_object, **absent) == ("403", 403)
    lister = instance_of(
        statements(on_objects(bucket, "*", "s3:GetObject"), on_bucket(bucket, "s3:ListBucket"))
    ).client("s3")
    assert refusal(lister.get_object, **absent) == ("NoSuchKey", 404)
    assert refusal(lister.head_object, **absent) == ("404", 404)


def test_of_many_deletions_each_is_decided_by_itself(s3: BaseClient, admin: AdminClient, bucket: str) -> None:
    for key in ("public/one", "secret/two"):
        admin("s3").put_object(Bucket=bucket, Key=key, Body=b"")
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "public/one"}, {"Key": "secret/two"}]}
    )
    assert [item["Key"] for item in answer["Deleted"]] == ["public/one"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [("secret/two", "AccessDenied")]
    assert "s3:DeleteObject" in answer["Errors"][0]["Message"]
    admin("s3").head_object(Bucket=bucket, Key="secret/two")


def test_a_copy_needs_its_source_and_its_destination(s3: BaseClient, bucket: str) -> None:
    def copy(source: str, destination: str) -> dict[str, object]:
        return {"Bucket": bucket, "Key": destination, "CopySource": {"Bucket": bucket, "Key": source}}

    s3.copy_object(**copy("public/a", "public/copy"))
    assert refusal(s3.copy_object, **copy("secret/c", "public/stolen")) == DENIED
    assert refusal(s3.copy_object, **copy("public/a", "secret/planted")) == DENIED
    for spelling in ("secret%2Fc", "%73ecret/c", "/secret/c", "public/../secret/c", "secret//c"):
        source = {"CopySource": f"{bucket}/{spelling}"}
        assert refusal(s3.copy_object, Bucket=bucket, Key="public/stolen", **source)[1] in (400, 403)
    # Whether there is such an object is for those who may list the source's bucket.
    assert refusal(s3.copy_object, **copy("public/absent", "public/copy")) == DENIED


def test_a_listing_is_held_to_its_prefix(instance_of: InstanceOf, bucket: str) -> None:
    condition = {"StringLike": {"s3:prefix": "public/*"}}
    client = instance_of(statements(on_bucket(bucket, "s3:ListBucket", Condition=condition))).client("s3")
    assert client.list_objects_v2(Bucket=bucket, Prefix="public/")["KeyCount"] >= 2
    assert refusal(client.list_objects_v2, Bucket=bucket, Prefix="secret/") == DENIED
    assert refusal(client.list_objects_v2, Bucket=bucket) == DENIED
    assert refusal(client.list_objects_v2, Bucket=bucket, Prefix="") == DENIED


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_bucket_policy", {"Policy": "{}"}),
        ("get_bucket_policy", {}),
        ("put_bucket_acl", {"ACL": "public-read"}),
        ("get_object_acl", {"Key": "public/a"}),
        ("put_object_tagging", {"Key": "public/a", "Tagging": {"TagSet": []}}),
        ("list_object_versions", {}),
        ("list_objects", {}),
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("select_object_content", {"Key": "public/a", "Expression": "s", "ExpressionType": "SQL",
                                   "InputSerialization": {}, "OutputSerialization": {}}),
    ],
)  # fmt: skip
def test_what_is_not_offered_is_refused_even_to_the_admin(
    admin: AdminClient, bucket: str, operation: str, arguments: dict[str, object]
) -> None:
    refused = refusal(getattr(admin("s3"), operation), Bucket=bucket, **arguments)
    assert refused == ("NotImplemented", 501)


def test_what_the_store_would_not_keep_is_refused_and_never_dropped(admin: AdminClient, bucket: str) -> None:
    s3 = admin("s3")
    put = {"Bucket": bucket, "Key": "promised", "Body": b"x"}
    for member, value in (
        ("ServerSideEncryption", "aws:kms"),
        ("ObjectLockLegalHoldStatus", "ON"),
        ("WebsiteRedirectLocation", "/elsewhere"),
        ("GrantRead", "uri=http://acs.amazonaws.com/groups/global/AllUsers"),
    ):
        assert refusal(s3.put_object, **put, **{member: value}) == ("NotImplemented", 501), member
    assert refusal(s3.put_object, **put, ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert refusal(s3.head_object, Bucket=bucket, Key="promised") == ("404", 404)


def test_a_policy_that_changes_takes_effect_on_the_running_session(
    instance_of: InstanceOf, admin: AdminClient, bucket: str
) -> None:
    instance = instance_of(statements(on_objects(bucket, "public/*", "s3:GetObject")))
    client = instance.client("s3")
    assert refusal(client.get_object, Bucket=bucket, Key="secret/c") == DENIED

    def put_policy(document: Document) -> None:
        admin("iam").put_role_policy(
            RoleName=instance.instance_profile, PolicyName="policy-0", PolicyDocument=json.dumps(document)
        )

    put_policy(statements(on_objects(bucket, "secret/*", "s3:GetObject")))
    assert client.get_object(Bucket=bucket, Key="secret/c")["Body"].read() == b"secret/c"
    assert refusal(client.get_object, Bucket=bucket, Key="public/a") == DENIED
    admin("iam").delete_role_policy(RoleName=instance.instance_profile, PolicyName="policy-0")
    assert refusal(client.get_object, Bucket=bucket, Key="secret/c") == DENIED
