"""Buckets and listings, by plain boto3 that acts as an instance."""

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ParamValidationError

from tests.support.flow_fixtures import InstanceOf
from tests.support.refusal import refusal
from tests.support.running_system import RunningSystem, allow, fresh

pytestmark = pytest.mark.flow

KEYS = ["a.txt", "docs/1 one.txt", "docs/2+two.txt", "docs/deep/3.txt", "logs/%41", "logs/line\nbreak", "z"]


@pytest.fixture(scope="module")
def s3(instance_of: InstanceOf) -> BaseClient:
    return instance_of(allow("s3:*")).client("s3")


@pytest.fixture(scope="module")
def bucket(s3: BaseClient) -> str:
    name = fresh("listed")
    s3.create_bucket(Bucket=name)
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def test_a_buckets_life(s3: BaseClient, system: RunningSystem) -> None:
    name = fresh("life")
    assert refusal(s3.head_bucket, Bucket=name) == ("404", 404)
    made = s3.create_bucket(Bucket=name)
    assert made["Location"] == f"/{name}"
    s3.get_waiter("bucket_exists").wait(Bucket=name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == system.region
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert name in [item["Name"] for item in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=name, Key="k", Body=b"")
    assert refusal(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    s3.get_waiter("bucket_not_exists").wait(Bucket=name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert refusal(s3.get_object, Bucket=name, Key="k") == ("NoSuchBucket", 404)
    assert refusal(s3.list_objects_v2, Bucket=name) == ("NoSuchBucket", 404)
    assert refusal(s3.delete_bucket, Bucket=name) == ("NoSuchBucket", 404)
    assert refusal(s3.put_object, Bucket=name, Key="k", Body=b"x") == ("NoSuchBucket", 404)


def test_a_bucket_is_made_once(s3: BaseClient, bucket: str, system: RunningSystem) -> None:
    """AWS: in us-east-1 the second CreateBucket of its owner answers 200; elsewhere it is refused.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html ("BucketAlreadyOwnedByYou")
    """
    assert system.region == "us-east-1"
    s3.create_bucket(Bucket=bucket)
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == len(KEYS)


def test_who_asks_in_another_region_is_led_to_the_right_one(bucket: str, system: RunningSystem) -> None:
    """boto3 follows by itself, as it does on AWS; no region that a caller chooses reaches the bucket."""
    elsewhere = system.client("s3", region_name="eu-west-1")
    asked: list[str] = []
    elsewhere.meta.events.register(
        "before-send.s3", lambda request, **_: asked.append(str(request.headers["Authorization"]))
    )
    assert elsewhere.get_object(Bucket=bucket, Key="z")["Body"].read() == b"z"
    assert ["/eu-west-1/s3/" in text for text in asked] == [True, False]
    location = {"LocationConstraint": "eu-west-1"}
    made = refusal(system.client("s3").create_bucket, Bucket=fresh("b"), CreateBucketConfiguration=location)
    assert made == ("IllegalLocationConstraintException", 400)


@pytest.mark.parametrize("name", ["Upper-Case", "under_score", "a..b", "192.168.0.1", "ab"])
def test_names_that_no_bucket_has(s3: BaseClient, name: str) -> None:
    # botocore refuses some of them by itself.
    with pytest.raises((s3.exceptions.ClientError, ParamValidationError), match=r"(?i)invalid ?bucket ?name"):
        s3.create_bucket(Bucket=name)


def test_buckets_are_listed_by_prefix_and_page(s3: BaseClient) -> None:
    prefix = fresh("paged")
    names = [f"{prefix}-{number}" for number in range(3)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [item["Name"] for page in pages for item in page["Buckets"]] == names


def test_a_listing_tells_everything(s3: BaseClient, bucket: str) -> None:
    listing = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)
    assert [item["Key"] for item in listing["Contents"]] == KEYS
    assert (listing["KeyCount"], listing["IsTruncated"], listing["Name"]) == (len(KEYS), False, bucket)
    first = listing["Contents"][0]
    assert first["Size"] == len("a.txt")
    assert first["ETag"] == s3.head_object(Bucket=bucket, Key="a.txt")["ETag"]
    assert first["StorageClass"] == "STANDARD"
    assert first["Owner"]["ID"] == s3.list_buckets()["Owner"]["ID"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_follow_one_another(s3: BaseClient, bucket: str, size: int) -> None:
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
    )
    assert [item["Key"] for page in pages for item in page["Contents"]] == KEYS
    assert len(pages) == -(-len(KEYS) // size)


@pytest.mark.parametrize("encoding", [{}, {"EncodingType": "url"}])
def test_folders_are_common_prefixes(s3: BaseClient, bucket: str, encoding: dict[str, str]) -> None:
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/", **encoding)
    assert [item["Key"] for item in top["Contents"]] == ["a.txt", "z"]
    assert [item["Prefix"] for item in top["CommonPrefixes"]] == ["docs/", "logs/"]
    docs = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="docs/")
    assert [item["Key"] for item in docs["Contents"]] == ["docs/1 one.txt", "docs/2+two.txt"]
    assert [item["Prefix"] for item in docs["CommonPrefixes"]] == ["docs/deep/"]
    assert (docs["Prefix"], docs["Delimiter"]) == ("docs/", "/")


def test_folders_and_objects_share_the_pages(s3: BaseClient, bucket: str) -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    found = []
    for page in pages:
        found += [item["Key"] for item in page.get("Contents", [])]
        found += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
    assert found == ["a.txt", "docs/", "logs/", "z"]


def test_a_listing_may_begin_later(s3: BaseClient, bucket: str) -> None:
    listing = s3.list_objects_v2(Bucket=bucket, StartAfter="docs/2+two.txt", MaxKeys=2)
    assert [item["Key"] for item in listing["Contents"]] == ["docs/deep/3.txt", "logs/%41"]
    assert listing["StartAfter"] == "docs/2+two.txt"
    empty = s3.list_objects_v2(Bucket=bucket, Prefix="nothing/")
    assert (empty["KeyCount"], empty.get("Contents")) == (0, None)


def test_many_are_deleted_at_once(s3: BaseClient) -> None:
    name = fresh("emptied")
    s3.create_bucket(Bucket=name)
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=b"")
    wanted = [{"Key": key} for key in (*KEYS[:4], "never-there")]
    answer = s3.delete_objects(Bucket=name, Delete={"Objects": wanted})
    assert {item["Key"] for item in answer["Deleted"]} == {item["Key"] for item in wanted}
    assert "Errors" not in answer
    quiet = s3.delete_objects(
        Bucket=name, Delete={"Objects": [{"Key": key} for key in KEYS[4:]], "Quiet": True}
    )
    assert "Deleted" not in quiet
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_deleting_many_with_every_checksum(s3: BaseClient, bucket: str, algorithm: str) -> None:
    s3.put_object(Bucket=bucket, Key="gone", Body=b"")
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "gone"}]}, ChecksumAlgorithm=algorithm
    )
    assert [item["Key"] for item in answer["Deleted"]] == ["gone"]
