"""One account in memory, with callers made by the real `authenticate` and judged by the real `authorize`.

account.call("iam", "CreateRole", {"RoleName": "web", …})              as the user `admin`
account.call("iam", "GetRole", {"RoleName": "web"}, as_=account.user("alice"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from tabard.access.authorize import Permit, RequestFacts, authorize
from tabard.access.caller import Caller, caller_of_key, caller_of_session
from tabard.access.check import Check
from tabard.access.mint import Mint
from tabard.credentials.certificate_authority import new_certificate_authority
from tabard.credentials.identity_certificate import (
    IdentityKey,
    new_identity_certificate,
    open_identity_key,
)
from tabard.credentials.keyring import Keyring, new_sealing_key, open_keyring
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.host import Host
from tabard.model.policies import InlinePolicy
from tabard.model.session import InstanceFacts, Session
from tabard.model.tag import Tag
from tabard.model.user import User
from tabard.names import new_access_key_id, new_unique_id
from tabard.services.operation import (
    Facts,
    Minting,
    Opening,
    Operation,
    Output,
    Performed,
    Read,
    Signing,
    StoreRead,
    Write,
    actions_of,
)
from tabard.store.builtin_policies import administrator_access
from tabard.store.snapshot import Snapshot
from tests.support.answer_shapes import misfits, operation_model
from tests.support.memory_store import ClearVault, MemoryStore

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
HOST_ID = "h-0123456789abcdef0"
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

TRUSTS_EC2 = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
    '"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
)
TRUSTS_ACCOUNT = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
    f'"Principal":{{"AWS":"arn:aws:iam::{ACCOUNT_ID}:root"}},'
    '"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}'
)


def allow(*actions: str, resource: str | Sequence[str] = "*", **condition: Mapping[str, str]) -> str:
    """An identity policy that allows these actions on this resource, under these condition operators."""
    statement: dict[str, object] = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()


class Account:
    """An account with the user `admin`, the root and one host, all with a key; `now` may be moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryStore(ClearVault())
        administrator = administrator_access()
        with self.store.transaction() as tx:
            tx.installation.put("account_id", ACCOUNT_ID)
            tx.installation.put("partition", "aws")
            tx.installation.put("local_host_id", HOST_ID)
            tx.managed_policies.insert(administrator)
            tx.hosts.insert(
                Host(
                    host_id=HOST_ID,
                    name="here",
                    partition="aws",
                    region=REGION,
                    account_id=ACCOUNT_ID,
                    registered_at=NOW,
                    last_seen_at=NOW,
                    ephemeral=False,
                    registered_by="",
                )
            )
            tx.sealing_keys.insert(new_sealing_key(self.store.vault, now=NOW))
            for fact, value in authority_facts().items():
                tx.installation.put(fact, value)
        self.root = self._caller_of(self._add_key(ACCOUNT_ID))
        self.host = self._caller_of(self._add_key(HOST_ID))
        self.admin = self.add_user("admin", attached=(administrator.arn,))

    @property
    def snapshot(self) -> Snapshot:
        return self.store.snapshot()

    @property
    def keyring(self) -> Keyring:
        return open_keyring(self.snapshot.sealing_keys.values(), self.store.vault)

    def add_user(
        self,
        name: str,
        *policies: str,
        attached: tuple[str, ...] = (),
        path: str = "/",
        tags: tuple[Tag, ...] = (),
    ) -> Caller:
        """A user with inline policies and a key, as a caller."""
        user = User(
            user_id=new_unique_id("AIDA"),
            name=name,
            path=path,
            partition="aws",
            account_id=ACCOUNT_ID,
            created_at=NOW,
            inline_policies=tuple(InlinePolicy(f"p{n}", text) for n, text in enumerate(policies, start=1)),
            attached_policy_arns=attached,
            tags=tags,
        )
        with self.store.transaction() as tx:
            tx.users.insert(user)
        return self._caller_of(self._add_key(user.user_id))

    def session(
        self, role_name: str, *, name: str = "session", instance_id: str = "", **more: object
    ) -> Caller:
        """A caller who holds a session of the role; of an instance where `instance_id` is given."""
        snapshot = self.snapshot
        role = snapshot.role_named(role_name)
        assert role is not None
        facts = InstanceFacts(
            instance_id=instance_id,
            host_id=HOST_ID,
            role_delivery="2.0",
            vpc_id="vpc-0123456789abcdef0",
            private_ip_address="10.0.0.4",
        )
        session = Session(
            access_key_id=new_access_key_id("ASIA", ACCOUNT_ID),
            account_id=ACCOUNT_ID,
            role_id=role.role_id,
            session_name=instance_id or name,
            issued_at=self.now,
            expires_at=self.now + timedelta(hours=1),
            secret_access_key=SECRET,
            instance=facts if instance_id else None,
        )
        return caller_of_session(replace(session, **more), role, snapshot)

    def permit(self, caller: Caller, *checks: Check, service: str = "iam") -> Permit:
        """What `authorize` gives for these checks. Raises Denied."""
        facts = RequestFacts(
            service=service,
            region=REGION,
            source_ip="127.0.0.1",
            secure=False,
            user_agent="tests",
            referer="",
            request_id="11111111-2222-3333-4444-555555555555",
            now=self.now,
        )
        return authorize(caller, checks, facts, self.snapshot)

    def facts(self, caller: Caller | None = None) -> Facts:
        """What an operation's table may look at."""
        return Facts(
            caller=caller or self.admin,
            snapshot=self.snapshot,
            partition="aws",
            account_id=ACCOUNT_ID,
            region=REGION,
            now=self.now,
            signed_at=self.now,
        )

    def checks(
        self, service: str, name: str, wire_input: Mapping[str, object], *, as_: Caller | None = None
    ) -> Sequence[Check]:
        """The checks that a request needs."""
        operation = operation_named(service, name)
        assert isinstance(operation, Performed)
        request = msgspec.convert(wire_input, operation.request)
        return self._checks(service, operation, request, as_)

    def call(
        self,
        service: str,
        name: str,
        wire_input: Mapping[str, object] | None = None,
        *,
        as_: Caller | None = None,
    ) -> Mapping[str, Any]:
        """Resolve, authorize and perform one request, as the pipeline does."""
        caller = as_ or self.admin
        operation = operation_named(service, name)
        assert isinstance(operation, Performed)
        request = msgspec.convert(wire_input or {}, operation.request)
        permit = self.permit(caller, *self._checks(service, operation, request, caller), service=service)
        answer = self.perform(operation, permit, request)
        if service in ("iam", "sts", "ec2"):
            assert not misfits(operation_model(service, name).output_shape, answer)
        return answer

    def _checks(
        self, service: str, operation: Operation, request: object, caller: Caller | None
    ) -> Sequence[Check]:
        checks = operation.checks(request, self.facts(caller))
        assert {check.action for check in checks} <= set(actions_of(service, operation))
        return checks

    def perform(self, operation: Operation, permit: Permit, request: object) -> Output:
        """Perform what a permit allows, against the store as it is now."""
        if isinstance(operation, Read):
            return operation.perform(permit, request, self.snapshot)
        if isinstance(operation, Write):
            with self.store.transaction() as tx:
                return operation.perform(permit, request, tx)
        if isinstance(operation, StoreRead):
            with self.store.reading() as tx:
                return operation.perform(permit, request, tx)
        if isinstance(operation, Opening):
            return operation.perform(permit, request, self.keyring)
        if isinstance(operation, Signing):
            return operation.perform(permit, request, self.snapshot, identity_key())
        assert isinstance(operation, Minting)
        return operation.perform(permit, request, self.mint).output

    def perform_with(
        self, service: str, name: str, permit: Permit, wire_input: Mapping[str, object]
    ) -> Output:
        """Perform one request with a permit that was given earlier."""
        operation = operation_named(service, name)
        assert isinstance(operation, Performed)
        return self.perform(operation, permit, msgspec.convert(wire_input, operation.request))

    @property
    def mint(self) -> Mint:
        return Mint(
            snapshot=self.snapshot, keyring=self.keyring, instance_session_lifetime=timedelta(hours=6)
        )

    def _add_key(self, owner_id: str) -> AccessKey:
        access_key_id = new_access_key_id("AKIA", ACCOUNT_ID)
        access_key = AccessKey(
            access_key_id=access_key_id,
            account_id=ACCOUNT_ID,
            owner_id=owner_id,
            sealed_secret=self.store.vault.seal(SECRET.encode(), label=access_key_id),
            status=AccessKeyStatus.ACTIVE,
            created_at=NOW,
        )
        with self.store.transaction() as tx:
            tx.access_keys.insert(access_key)
        return access_key

    def _caller_of(self, access_key: AccessKey) -> Caller:
        caller = caller_of_key(access_key, self.snapshot)
        assert caller is not None
        return caller


@cache
def identity_key() -> IdentityKey:
    """The key of an installation's own certificate; one for all tests, since it takes a while to make."""
    vault = ClearVault()
    return open_identity_key(new_identity_certificate(vault, account_id=ACCOUNT_ID, now=NOW), vault)


@cache
def authority_facts() -> Mapping[str, str]:
    """An installation's certificate authority; one for all tests."""
    return new_certificate_authority(ClearVault(), account_id=ACCOUNT_ID, now=NOW)


def operation_named(service: str, name: str) -> Operation:
    """The operation of this name in a service's table."""
    table: tuple[Operation, ...] = import_module(f"tabard.services.{service}.operations").OPERATIONS
    return next(operation for operation in table if operation.name == name)
