"""Unmodified clients in an instance: none is told of a key, all find the role where EC2 has it."""

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tabard.processes.isolation import network_isolation
from tests.support import real_clients
from tests.support.flow_fixtures import AdminClient
from tests.support.real_clients import BUT_IPV6, EVERY_MODE, KEPT, OVER_IPV4, Client, Mode, NotHere
from tests.support.running_system import TABARD, RunningSystem, allow, bare_environment, fresh, until

pytestmark = [pytest.mark.flow, pytest.mark.long]

NAMES = (
    "boto3", "AWS CLI", "aiobotocore", "AWS SDK for JavaScript", "s5cmd", "pyarrow", "obstore", "minio",
    "ec2-metadata", "Terraform",
)  # fmt: skip
Made = Callable[[str], Client]
PAGE = """# Compatibility

Written by `make compatibility`, which runs each client as an instance in a network namespace, on
{where}. None is modified, and none is told of a key or of where the metadata is; over IPv6,
an SDK is told `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6`, as on EC2. `container` is the
[container credentials endpoint](metadata.md#credentials-as-in-a-container), with
`AWS_EC2_METADATA_DISABLED=true`, and a client works where it does so by the endpoint's own token and not by
another. Those that do not heed `AWS_ENDPOINT_URL` (s5cmd, pyarrow, obstore, minio) are given it in their own
way. Each puts an object and reads it again; ec2-metadata reads what the metadata says, and Terraform's
provider who it is.

{table}
A dash: the client has no such setting. s5cmd's SDK (of May 2023) does not know the token's file yet, nor the
address that EKS has the endpoint at.
"""


@pytest.fixture(scope="session")
def client_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, js_sdk: Callable[[], Path]
) -> Made:
    """Each client by its name, installed once and kept between runs. Raises NotHere."""
    assert request.config.cache is not None
    cache = Path(request.config.cache.mkdir("clients"))

    def made(name: str) -> Client:
        argv: tuple[str, ...]
        match name:
            case "boto3":
                argv = (real_clients.own_program("python"), "-c", real_clients.BOTO3)
                return Client(
                    name=name, version=real_clients.installed_version(name), written_in="Python", argv=argv
                )
            case "AWS CLI":
                argv = ("sh", "-c", real_clients.AWS_CLI, real_clients.own_program("aws"))
                version = real_clients.installed_version("awscli")
                return Client(name=name, version=version, written_in="Python", argv=argv)
            case "AWS SDK for JavaScript":
                folder = js_sdk()
                program = folder / "kept.mjs"
                program.write_text(real_clients.JAVASCRIPT)
                node = shutil.which("node")
                assert node is not None
                return Client(
                    name=name,
                    version=real_clients.JS_PACKAGES["client-s3"],
                    written_in="JavaScript",
                    argv=(node, str(program)),
                )
            case "Terraform":
                return real_clients.terraform_client(tmp_path_factory.mktemp("terraform") / "module")
        python = real_clients.python_packages(cache / "python")
        match name:
            case "aiobotocore":
                source, more = real_clients.AIOBOTOCORE, {"written_in": "Python"}
            case "pyarrow":
                source, more = real_clients.PYARROW, {"written_in": "C++ SDK", "modes": BUT_IPV6}
            case "obstore":
                source, more = real_clients.OBSTORE, {"written_in": "Rust", "modes": BUT_IPV6}
            case "minio":
                source, more = real_clients.MINIO, {"written_in": "Python", "modes": BUT_IPV6}
            case "ec2-metadata":
                source = real_clients.EC2_METADATA
                more = {"written_in": "Python", "modes": OVER_IPV4, "writes": False}
            case "s5cmd":
                program = python.with_name("s5cmd")
                argv = ("sh", "-c", real_clients.S5CMD, str(program))
                version = real_clients.REQUIREMENTS[name]
                return Client(name=name, version=version, written_in="Go SDK v1", argv=argv, modes=OVER_IPV4)
            case _:
                raise AssertionError(name)
        return real_clients.python_client(name, source, python, **more)

    return made


@pytest.fixture(scope="session")
def results() -> Iterator[dict[tuple[str, Mode], tuple[Client, bool]]]:
    """What came of each; the page of them, where it is wanted."""
    found: dict[tuple[str, Mode], tuple[Client, bool]] = {}
    yield found
    page = real_clients.page_path()
    if page is not None:
        page.write_text(_page(found), encoding="utf-8")


def _page(found: dict[tuple[str, Mode], tuple[Client, bool]]) -> str:
    rows = [" | ".join(("", "client", "version", "written in", *EVERY_MODE, "")).strip()]
    rows.append("|".join(["", *[" --- "] * (3 + len(EVERY_MODE)), ""]))
    for name in NAMES:
        mine = {mode: each for (of, mode), each in found.items() if of == name}
        if not mine:
            continue
        client, _ = next(iter(mine.values()))
        said = [("works" if mine[mode][1] else "**fails**") if mode in mine else "–" for mode in EVERY_MODE]
        rows.append(" | ".join(("", client.name, client.version, client.written_in, *said, "")).strip())
    where = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return PAGE.format(where=where, table="\n".join(rows) + "\n")


@pytest.mark.skipif(not network_isolation().available, reason="no network namespaces here")
@pytest.mark.parametrize("mode", EVERY_MODE)
@pytest.mark.parametrize("name", NAMES)
def test_it_finds_the_role_of_its_instance(
    system: RunningSystem,
    admin: AdminClient,
    client_of: Made,
    results: dict[tuple[str, Mode], tuple[Client, bool]],
    tmp_path: Path,
    name: str,
    mode: Mode,
) -> None:
    if mode != "IMDSv2" and real_clients.page_path() is None:
        pytest.skip("make compatibility tries the other ways")
    try:
        client = client_of(name)
    except NotHere as reason:
        pytest.skip(str(reason))
    if mode not in client.modes:
        pytest.skip(f"{name} has no setting for {mode}")
    bucket = fresh("client")
    admin("s3").create_bucket(Bucket=bucket)
    done = as_instance(system, admin, client, mode, bucket, tmp_path)
    results[name, mode] = client, done.returncode == 0
    assert done.returncode == 0, done.stdout + done.stderr
    if client.writes:
        assert admin("s3").get_object(Bucket=bucket, Key="KEY")["Body"].read() == KEPT.encode()


def as_instance(
    system: RunningSystem, admin: AdminClient, client: Client, mode: Mode, bucket: str, folder: Path
) -> "subprocess.CompletedProcess[str]":
    """Run it under `tabard run`, once the instance's metadata options are those of the mode."""
    profile = system.instance_profile_of(
        allow("s3:*", on=[f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])
    )
    go = folder / "go"
    variables = [f"{key}={value}" for key, value in real_clients.mode_variables(mode).items()]
    wait = f'while [ ! -e {go} ]; do sleep 0.05; done; exec env "$@"'
    by_token = ["sh", "-c", real_clients.BY_ITS_TOKEN_ALONE, "sh"] if mode == "container" else []
    command = ["sh", "-c", wait, "sh", *variables, *by_token, *client.argv, bucket]
    process = subprocess.Popen(
        [*TABARD, "run", "--driver", "netns", "--data-dir", str(system.data_dir),
         "--credentials-from", "container" if mode == "container" else "metadata",
         "--instance-profile", profile, "--", *command],
        cwd=folder, env=bare_environment(HOME=str(folder)), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        try:
            instance_id = until(lambda: instance_with(admin, profile), f"{client.name} is an instance")
            admin("ec2").modify_instance_metadata_options(
                InstanceId=instance_id, **real_clients.metadata_options(mode)
            )
            until(lambda: applied(admin, instance_id), "the options are applied")
            go.touch()
            out, err = process.communicate(timeout=client.seconds)
        finally:
            if process.poll() is None:
                process.terminate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def instance_with(admin: AdminClient, profile: str) -> str:
    """The one running instance that has this instance profile; empty while there is none."""
    for reservation in admin("ec2").describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            arn = instance.get("IamInstanceProfile", {}).get("Arn", "")
            if arn.endswith(f"/{profile}") and instance["State"]["Name"] == "running":
                return str(instance["InstanceId"])
    return ""


def applied(admin: AdminClient, instance_id: str) -> bool:
    described = admin("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return bool(described["MetadataOptions"]["State"] == "applied")
