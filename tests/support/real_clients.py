"""Clients that nobody has adapted: what each is told to do as an instance, and how it is had."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.running_system import bare_environment

Mode = Literal["IMDSv2", "IMDSv1 allowed", "IMDSv2 over IPv6", "container"]
EVERY_MODE: tuple[Mode, ...] = ("IMDSv2", "IMDSv1 allowed", "IMDSv2 over IPv6", "container")
BUT_IPV6: tuple[Mode, ...] = ("IMDSv2", "IMDSv1 allowed", "container")
OVER_IPV4: tuple[Mode, ...] = ("IMDSv2", "IMDSv1 allowed")

REQUIREMENTS = {
    "aiobotocore": "3.10.0",
    "ec2-metadata": "3.0.0",
    "minio": "7.2.20",
    "obstore": "0.12.1",
    "pyarrow": "26.0.1",
    "s5cmd": "0.3.3",
}
JS_PACKAGES = {
    "client-s3": "3.1173.0",
    "client-dynamodb": "3.1164.0",
    "client-sqs": "3.1169.0",
    "client-sts": "3.1173.0",
    "lib-storage": "3.1173.0",
}
PLUGINS = (
    Path("/opt/tf-plugins"),
    Path("/usr/share/terraform/plugins"),
    Path("/usr/local/share/terraform/plugins"),
)
PROVIDER_VERSION = "5.100.0"

KEPT = "kept by an instance"


class NotHere(Exception):
    """A client cannot be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client: `argv`, and then a bucket, puts `KEY` into it, which holds `KEPT`, and reads it again.

    It ends with 0 where that went well. Those that do not write read the metadata, or ask who they are.
    """

    name: str
    version: str
    written_in: str
    argv: Sequence[str]
    modes: tuple[Mode, ...] = EVERY_MODE
    writes: bool = True
    seconds: float = 60.0


BOTO3 = f"""
import boto3, sys
s3 = boto3.client("s3")
s3.put_object(Bucket=sys.argv[1], Key="KEY", Body=b"{KEPT}")
assert s3.get_object(Bucket=sys.argv[1], Key="KEY")["Body"].read() == b"{KEPT}"
"""
AIOBOTOCORE = f"""
import asyncio, sys
from aiobotocore.session import get_session
async def main():
    async with get_session().create_client("s3") as s3:
        await s3.put_object(Bucket=sys.argv[1], Key="KEY", Body=b"{KEPT}")
        answer = await s3.get_object(Bucket=sys.argv[1], Key="KEY")
        assert await answer["Body"].read() == b"{KEPT}"
asyncio.run(main())
"""
PYARROW = f"""
import os, sys
from urllib.parse import urlsplit
from pyarrow import fs
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
s3 = fs.S3FileSystem(
    endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region=os.environ["AWS_REGION"]
)
with s3.open_output_stream(f"{{sys.argv[1]}}/KEY") as file:
    file.write(b"{KEPT}")
with s3.open_input_stream(f"{{sys.argv[1]}}/KEY") as file:
    assert file.read() == b"{KEPT}"
"""
OBSTORE = f"""
import os, sys
from obstore.store import S3Store
store = S3Store(
    sys.argv[1], endpoint=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"],
    virtual_hosted_style_request=False, client_options={{"allow_http": True}},
)
store.put("KEY", b"{KEPT}")
assert bytes(store.get("KEY").bytes()) == b"{KEPT}"
"""
MINIO = f"""
import io, os, sys
from urllib.parse import urlsplit
from minio import Minio
from minio.credentials import IamAwsProvider
s3 = Minio(
    endpoint=urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc, secure=False, region=os.environ["AWS_REGION"],
    credentials=IamAwsProvider(),
)
s3.put_object(bucket_name=sys.argv[1], object_name="KEY", data=io.BytesIO(b"{KEPT}"), length={len(KEPT)})
answer = s3.get_object(bucket_name=sys.argv[1], object_name="KEY")
assert answer.read() == b"{KEPT}"
answer.close()
"""
EC2_METADATA = """
from ec2_metadata import ec2_metadata
assert ec2_metadata.instance_id.startswith("i-"), ec2_metadata.instance_id
assert ec2_metadata.iam_info["InstanceProfileArn"]
assert ec2_metadata.region == ec2_metadata.instance_identity_document["region"]
assert ec2_metadata.private_ipv4 and ec2_metadata.mac
"""
JAVASCRIPT = f"""
import {{ S3Client, PutObjectCommand, GetObjectCommand }} from "@aws-sdk/client-s3";
const object = {{ Bucket: process.argv[2], Key: "KEY" }};
const s3 = new S3Client({{ forcePathStyle: true }});
await s3.send(new PutObjectCommand({{ ...object, Body: "{KEPT}" }}));
const answer = await s3.send(new GetObjectCommand(object));
if ((await answer.Body.transformToString()) !== "{KEPT}") throw new Error("another content");
"""
# A shell is told what a person would type.
AWS_CLI = f"""
set -e
printf %s '{KEPT}' | "$0" s3 cp - "s3://$1/KEY"
test "$("$0" s3 cp "s3://$1/KEY" -)" = '{KEPT}'
"""
S5CMD = f"""
set -e
printf %s '{KEPT}' | "$0" --endpoint-url "$AWS_ENDPOINT_URL" pipe "s3://$1/KEY"
test "$("$0" --endpoint-url "$AWS_ENDPOINT_URL" cat "s3://$1/KEY")" = '{KEPT}'
"""
TERRAFORM = f"""
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws", version = "{PROVIDER_VERSION}" }}
  }}
}}
provider "aws" {{}}
data "aws_caller_identity" "me" {{}}
output "arn" {{ value = data.aws_caller_identity.me.arn }}
"""
TERRAFORM_APPLY = """
set -e
cd "$1"
export TF_CLI_CONFIG_FILE="$1/cli.tfrc" CHECKPOINT_DISABLE=1
rm -f *.tfstate*
"$0" init -input=false -no-color
"$0" apply -input=false -no-color -auto-approve
"$0" output -raw arn | grep ":assumed-role/.*/i-"
"""


REGISTRY_SECONDS = 90
"""So long a test waits for a registry, whatever it wants of it."""

NPM_PATIENCE = ("--fetch-timeout=10000", "--fetch-retries=1", "--prefer-offline")
PIP_PATIENCE = ("--timeout=10", "--retries=1")


def python_packages(folder: Path) -> Path:
    """The interpreter of an environment that has the clients from PyPI; made once. Raises NotHere."""
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, clear=True, with_pip=True)
        wanted = [f"{package}=={version}" for package, version in REQUIREMENTS.items()]
        _once(
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *PIP_PATIENCE,
                *wanted,
            ]
        )
        (folder / "installed").touch()
    return python


def js_packages(folder: Path) -> Path:
    """A folder with the AWS SDK for JavaScript, for modules beside it; made once. Raises NotHere."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise NotHere("node and npm are not installed")
    if not (folder / "installed").exists():
        wanted = [f"@aws-sdk/{package}@{version}" for package, version in JS_PACKAGES.items()]
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", *NPM_PATIENCE]
        _once([npm, "install", *quiet, "--prefix", str(folder), *wanted])
        (folder / "installed").touch()
    return folder


def _once(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            env=bare_environment(),
            capture_output=True,
            text=True,
            timeout=REGISTRY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHere(f"{Path(command[0]).name} did not end within {REGISTRY_SECONDS} seconds") from None
    if done.returncode != 0:
        raise NotHere(f"they cannot be had from their registry: {done.stderr[-300:]}")


def python_client(name: str, source: str, python: Path, **more: object) -> Client:
    """A client that is a Python package of `REQUIREMENTS`."""
    return Client(
        name=name,
        version=REQUIREMENTS[name],
        argv=(str(python), "-c", source),
        **more,
    )


def terraform_client(folder: Path) -> Client:
    """Terraform with its AWS provider, from a mirror on this machine. Raises NotHere."""
    terraform = shutil.which("terraform")
    if terraform is None:
        raise NotHere("terraform is not installed")
    wanted = Path("hashicorp/aws") / PROVIDER_VERSION
    mirror = next((each for each in PLUGINS if list(each.glob(f"*/{wanted}"))), None)
    if mirror is None:
        raise NotHere(f"no mirror on this machine has {wanted}")
    folder.mkdir()
    (folder / "main.tf").write_text(TERRAFORM)
    (folder / "cli.tfrc").write_text(f'provider_installation {{ filesystem_mirror {{ path = "{mirror}" }} }}')
    said = subprocess.run([terraform, "version", "-json"], capture_output=True, text=True, check=True)
    version = json.loads(said.stdout)["terraform_version"]
    return Client(
        name="Terraform",
        version=f"{version}, provider {PROVIDER_VERSION}",
        written_in="Go SDK v2",
        argv=("sh", "-c", TERRAFORM_APPLY, terraform, str(folder)),
        writes=False,
        seconds=240,
    )


def installed_version(package: str) -> str:
    """Of a package of this very environment."""
    said = subprocess.run(
        [sys.executable, "-c", f"from importlib.metadata import version; print(version({package!r}))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return said.stdout.strip()


def own_program(name: str) -> str:
    """A program beside this interpreter."""
    return str(Path(sys.executable).parent / name)


def mode_variables(mode: Mode) -> Mapping[str, str]:
    """What the client has to be told, beyond nothing."""
    if mode == "container":
        return {"AWS_EC2_METADATA_DISABLED": "true"}  # or it might be the metadata that it has read
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"} if mode == "IMDSv2 over IPv6" else {}


# With another token it must fail, or try again and again: who works then has its credentials from elsewhere.
BY_ITS_TOKEN_ALONE = """
echo another > token
if timeout 15 env AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="$PWD/token" "$@"; then
    echo "it works with another token too" >&2
    exit 9
fi
exec "$@"
"""


def metadata_options(mode: Mode) -> Mapping[str, str]:
    """How the instance's metadata service is used."""
    if mode == "IMDSv1 allowed":
        return {"HttpTokens": "optional"}
    if mode == "IMDSv2 over IPv6":
        return {"HttpTokens": "required", "HttpProtocolIpv6": "enabled"}
    return {"HttpTokens": "required"}


def page_path() -> Path | None:
    """Where the compatibility page is to be written; None where it is not."""
    said = os.environ.get("TABARD_COMPATIBILITY_PAGE")
    return Path(said) if said else None
