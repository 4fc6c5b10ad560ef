"""An account with the process image, roles and instance profiles, for tests of EC2 and hosts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Protocol, TypeAlias

import msgspec
import pytest

from tabard.access.authorize import Permit, RequestFacts, authorize
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.errors import AwsError
from tabard.model.association import Association, AssociationState
from tabard.model.host import Host
from tabard.model.instance import Instance, InstanceState
from tabard.model.instance_profile import InstanceProfile
from tabard.model.role import Role
from tabard.names import new_unique_id
from tabard.services.ec2.launch.images import PROCESS_IMAGE
from tabard.services.operation import Facts, Operation
from tabard.store.snapshot import Snapshot

REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
HOST_ID = "h-0123456789abcdef0"
IMAGE_ID = PROCESS_IMAGE.image_id
UNKNOWN_INSTANCE = "i-00000000000000000"
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)

Answer: TypeAlias = Any
"""An answer, looked into at will."""


class Account(Protocol):
    """What these tests need of the account fixture."""

    store: Any
    now: datetime
    admin: Caller
    host: Caller

    @property
    def snapshot(self) -> Snapshot: ...
    def call(
        self, service: str, name: str, wire_input: Mapping[str, object], *, as_: Caller | None = None
    ) -> Answer: ...
    def add_user(self, name: str, *policies: str) -> Caller: ...
    def facts(self, caller: Caller) -> Facts: ...
    def permit(self, caller: Caller, *checks: Check, service: str) -> Permit: ...
    def perform(self, operation: Operation, permit: Permit, request: object) -> Answer: ...


@dataclass
class Ec2Account:
    """One account, as EC2 sees it."""

    account: Account

    def __post_init__(self) -> None:
        with self.account.store.transaction() as tx:
            tx.images.insert(PROCESS_IMAGE)

    @property
    def snapshot(self) -> Snapshot:
        return self.account.snapshot

    def role(self, name: str, *, trust_policy: str | None = None) -> Role:
        role = Role(
            role_id=new_unique_id("AROA"),
            name=name,
            path="/",
            partition="aws",
            account_id=ACCOUNT_ID,
            description="",
            trust_policy=trust_policy or policy(Principal={"Service": "ec2.amazonaws.com"}),
            max_session_duration_seconds=3600,
            created_at=MADE_AT,
        )
        with self.account.store.transaction() as tx:
            tx.roles.insert(role)
        return role

    def instance_profile(self, name: str, role: Role | None = None, *, path: str = "/") -> InstanceProfile:
        made = InstanceProfile(
            instance_profile_id=new_unique_id("AIPA"),
            name=name,
            path=path,
            partition="aws",
            account_id=ACCOUNT_ID,
            created_at=MADE_AT,
            role_id=role.role_id if role else None,
        )
        with self.account.store.transaction() as tx:
            tx.instance_profiles.insert(made)
        return made

    def add_host(self, host_id: str, *, region: str = REGION, ephemeral: bool = False) -> Host:
        """A host that the admin registered."""
        host = Host(
            host_id=host_id,
            name="another",
            partition="aws",
            region=region,
            account_id=ACCOUNT_ID,
            registered_at=self.account.now,
            last_seen_at=self.account.now,
            ephemeral=ephemeral,
            registered_by=self.account.admin.owner_id,
        )
        with self.account.store.transaction() as tx:
            tx.hosts.insert(host)
        return host

    def call(self, name: str, *, as_: Caller | None = None, **wire_input: object) -> Answer:
        return self.account.call("ec2", name, wire_input, as_=as_)

    def call_in(self, region: str, name: str, **wire_input: object) -> Answer:
        """The same, of another region."""
        operation = operation_of("ec2", name)
        request = msgspec.convert(wire_input, operation.request)
        snapshot = self.snapshot
        facts = Facts(
            caller=self.account.admin,
            snapshot=snapshot,
            partition="aws",
            account_id=ACCOUNT_ID,
            region=region,
            now=self.account.now,
            signed_at=self.account.now,
        )
        request_facts = RequestFacts(
            service="ec2",
            region=region,
            source_ip="127.0.0.1",
            secure=False,
            user_agent="tests",
            referer="",
            request_id="11111111-2222-3333-4444-555555555555",
            now=self.account.now,
        )
        permit = authorize(self.account.admin, operation.checks(request, facts), request_facts, snapshot)
        return self.account.perform(operation, permit, request)

    def launch(self, *, as_: Caller | None = None, **wire_input: object) -> list[Answer]:
        """The instances of one RunInstances."""
        asked = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1} | wire_input
        launched: list[Answer] = self.call("RunInstances", as_=as_, **asked)["Instances"]
        return launched

    def launch_id(self, **wire_input: object) -> str:
        """The id of one launched instance."""
        instance_id: str = self.launch(**wire_input)[0]["InstanceId"]
        return instance_id

    def instance(self, instance_id: str) -> Instance:
        return self.snapshot.instances[instance_id]

    def association_of(self, instance_id: str) -> Association:
        """The instance's newest association, over or not."""
        found = [each for each in self.snapshot.associations.values() if each.instance_id == instance_id]
        return max(found, key=lambda each: (each.is_active, each.changed_at))

    def set_state(self, instance_id: str, state: InstanceState) -> None:
        with self.account.store.transaction() as tx:
            instance = tx.instances.get(instance_id)
            tx.instances.update(replace(instance, state=state, state_changed_at=self.account.now))

    def set_association_state(self, association_id: str, state: AssociationState) -> None:
        with self.account.store.transaction() as tx:
            tx.associations.update(replace(tx.associations.get(association_id), state=state))

    def refused(self, name: str, *, as_: Caller | None = None, **wire_input: object) -> tuple[str, int, str]:
        """Code, status and sentence of the error that a call must answer."""
        with pytest.raises(AwsError) as raised:
            self.call(name, as_=as_, **wire_input)
        return raised.value.error_code, raised.value.http_status, raised.value.message

    def refused_launch(self, *, as_: Caller | None = None, **wire_input: object) -> tuple[str, int, str]:
        asked = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1} | wire_input
        return self.refused("RunInstances", as_=as_, **asked)


def operation_of(service: str, name: str) -> Answer:
    """The operation of this name."""
    table = import_module(f"tabard.services.{service}.operations").OPERATIONS
    return next(operation for operation in table if operation.name == name)


def policy(**statement: object) -> str:
    """A document of one statement; it allows, and a trust policy allows sts:AssumeRole."""
    defaults: dict[str, object] = {"Effect": "Allow"}
    if "Principal" in statement:
        defaults["Action"] = "sts:AssumeRole"
    else:
        defaults["Resource"] = "*"
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": [defaults | statement]}).decode()
