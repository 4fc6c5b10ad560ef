"""Terraform's AWS provider makes, changes and removes IAM's resources and instances."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_system import RunningSystem, fresh

pytestmark = [pytest.mark.flow, pytest.mark.long]

# Where providers are kept on a machine, besides a developer's home.
MIRRORS = ("/opt/tf-plugins", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins")
DEAD_PROXY = "http://127.0.0.1:9"

PROVIDER = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

variable "name" {}
"""

IAM = """
variable "actions" {}
variable "tags" {}
variable "description" {}
variable "hours" {}

locals {
  trusted = { Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }
  allowed = { Effect = "Allow", Action = var.actions, Resource = "*" }
}

resource "aws_iam_role" "web" {
  name                 = var.name
  path                 = "/apps/"
  description          = var.description
  max_session_duration = var.hours * 3600
  tags                 = var.tags
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = [local.trusted] })
}

resource "aws_iam_role_policy" "inline" {
  name   = "inline"
  role   = aws_iam_role.web.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [local.allowed] })
}

resource "aws_iam_policy" "managed" {
  name   = var.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [local.allowed] })
}

resource "aws_iam_role_policy_attachment" "managed" {
  role       = aws_iam_role.web.name
  policy_arn = aws_iam_policy.managed.arn
}

resource "aws_iam_instance_profile" "web" {
  name = var.name
  role = aws_iam_role.web.name
  tags = var.tags
}

data "aws_caller_identity" "me" {}
output "me" { value = data.aws_caller_identity.me.arn }
"""

INSTANCE = """
variable "role" {}
variable "tags" {}
variable "hop_limit" {}

locals {
  trusted = { Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }
}

resource "aws_iam_role" "each" {
  for_each           = toset(["web", "batch"])
  name               = "${var.name}-${each.key}"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [local.trusted] })
}

resource "aws_iam_instance_profile" "each" {
  for_each = aws_iam_role.each
  name     = each.value.name
  role     = each.value.name
}

data "aws_ami" "process" {
  owners = ["self"]
  filter {
    name   = "name"
    values = ["tabard-process"]
  }
}

data "aws_availability_zones" "available" { state = "available" }

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

data "aws_subnet" "first" { id = data.aws_subnets.default.ids[0] }

data "aws_security_group" "default" {
  name   = "default"
  vpc_id = data.aws_subnet.first.vpc_id
}

resource "aws_instance" "app" {
  ami                    = data.aws_ami.process.id
  instance_type          = "t3.micro"
  availability_zone      = data.aws_availability_zones.available.names[0]
  subnet_id              = data.aws_subnet.first.id
  vpc_security_group_ids = [data.aws_security_group.default.id]
  iam_instance_profile   = aws_iam_instance_profile.each[var.role].name
  user_data              = "#!/bin/sh\\nexec sleep 600\\n"
  tags                   = var.tags
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = var.hop_limit
    instance_metadata_tags      = "enabled"
  }
}
"""


@pytest.fixture
def mirror() -> Path:
    """A folder with Terraform's AWS provider, so that nothing is fetched."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    for folder in map(Path, MIRRORS):
        if any(folder.glob("registry.terraform.io/hashicorp/aws/*")):
            return folder
    pytest.skip(f"no mirror of Terraform's AWS provider in {', '.join(MIRRORS)}")


class Terraform:
    """Terraform in a folder of its own, as the user `admin`."""

    def __init__(self, configuration: str, folder: Path, mirror: Path, system: RunningSystem) -> None:
        self._folder = folder
        (folder / "main.tf").write_text(PROVIDER + configuration)
        settings = folder / "terraform.rc"
        settings.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        )
        self._environment = {
            **system.admin_environment(),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            # What is not for our endpoint goes nowhere.
            "HTTP_PROXY": DEAD_PROXY,
            "HTTPS_PROXY": DEAD_PROXY,
            "NO_PROXY": "127.0.0.1",
        }

    def __call__(self, command: str, *options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["terraform", command, "-no-color", "-input=false", *options],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def given(self, variables: Mapping[str, object]) -> None:
        """Values of the configuration's variables."""
        (self._folder / "terraform.tfvars.json").write_text(json.dumps(variables))


def applied(terraform: Terraform, variables: Mapping[str, object]) -> "subprocess.CompletedProcess[str]":
    """Apply with these values; what a plan then finds to change must be nothing."""
    terraform.given(variables)
    done = terraform("apply", "-auto-approve")
    assert done.returncode == 0, done.stderr
    again = terraform("plan", "-detailed-exitcode")
    assert again.returncode == 0, again.stdout + again.stderr  # 2 would be: something is to be changed
    return done


def test_iam_resources_are_applied_planned_clean_changed_and_destroyed(
    system: RunningSystem, mirror: Path, tmp_path: Path
) -> None:
    terraform = Terraform(IAM, tmp_path, mirror, system)
    done = terraform("init")
    assert done.returncode == 0, done.stderr
    name = fresh("tf")
    one = {
        "name": name,
        "actions": ["s3:GetObject"],
        "tags": {"team": "a"},
        "description": "first",
        "hours": 1,
    }
    two = {
        "name": name,
        "actions": ["s3:*"],
        "tags": {"team": "b", "x": "y"},
        "description": "second",
        "hours": 2,
    }
    iam = system.client("iam")
    for variables in (one, two):
        done = applied(terraform, variables)
        assert f"arn:aws:iam::{system.account_id}:user/admin" in done.stdout
        role = iam.get_role(RoleName=name)["Role"]
        assert (role["Description"], role["MaxSessionDuration"]) == (
            variables["description"], int(str(variables["hours"])) * 3600,
        )  # fmt: skip
        assert {tag["Key"]: tag["Value"] for tag in role["Tags"]} == variables["tags"]
    done = terraform("destroy", "-auto-approve")
    assert done.returncode == 0, done.stderr
    names = [role["RoleName"] for role in iam.list_roles(MaxItems=1000)["Roles"]]
    assert name not in names


def test_an_instance_is_applied_planned_clean_changed_in_place_and_destroyed(
    system: RunningSystem, mirror: Path, tmp_path: Path
) -> None:
    terraform = Terraform(INSTANCE, tmp_path, mirror, system)
    done = terraform("init")
    assert done.returncode == 0, done.stderr
    name = fresh("tf")
    ec2 = system.client("ec2")

    def described() -> dict[str, Any]:
        of_its_name = [{"Name": "tag:Name", "Values": [name]}]
        (held,) = ec2.describe_instances(Filters=of_its_name)["Reservations"]
        (instance,) = held["Instances"]
        return instance

    applied(terraform, {"name": name, "role": "web", "tags": {"Name": name}, "hop_limit": 2})
    first = described()
    assert first["IamInstanceProfile"]["Arn"].endswith(f"/{name}-web")
    changed = {"name": name, "role": "batch", "tags": {"Name": name, "team": "a"}, "hop_limit": 5}
    applied(terraform, changed)
    second = described()
    assert second["InstanceId"] == first["InstanceId"]
    assert second["IamInstanceProfile"]["Arn"].endswith(f"/{name}-batch")
    assert second["MetadataOptions"]["HttpPutResponseHopLimit"] == 5
    assert {"Key": "team", "Value": "a"} in second["Tags"]
    done = terraform("destroy", "-auto-approve")
    assert done.returncode == 0, done.stderr
    assert described()["State"]["Name"] == "terminated"
