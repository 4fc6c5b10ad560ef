"""Who the caller is, and what decisions about them may see."""

from dataclasses import replace

import pytest

from tabard.access.caller import Caller, CallerKind
from tabard.model.instance import Instance, InstanceState, MetadataOptions
from tabard.model.tag import Tag
from tabard.policy import PolicyPrincipal, PrincipalKind
from tests.support.installation import ACCOUNT_ID, HOST_ID, INSTANCE_ID, REGION, Installation, instance_facts


def test_a_user(here: Installation) -> None:
    caller = here.caller(here.signed("iam", here.alice_key))
    assert (caller.kind, caller.arn) == (CallerKind.USER, f"arn:aws:iam::{ACCOUNT_ID}:user/staff/alice")
    assert caller.user_id == caller.owner_id == here.alice.user_id
    assert caller.access_key_id == here.alice_key.access_key_id
    assert caller.session is None
    assert caller.principal == PolicyPrincipal(
        kind=PrincipalKind.USER, arn=caller.arn, account_id=ACCOUNT_ID, unique_id=here.alice.user_id
    )
    assert dict(caller.condition_keys) == {
        "aws:principalarn": (caller.arn,),
        "aws:principalaccount": (ACCOUNT_ID,),
        "aws:principaltype": ("User",),
        "aws:principalisawsservice": ("false",),
        "aws:userid": (here.alice.user_id,),
        "aws:username": ("alice",),
        "aws:principaltag/team": ("blue",),
    }


def test_the_root(here: Installation) -> None:
    caller = here.caller(here.signed("iam", here.root_key))
    assert (caller.kind, caller.arn) == (CallerKind.ROOT, f"arn:aws:iam::{ACCOUNT_ID}:root")
    assert caller.user_id == caller.owner_id == caller.account_id == ACCOUNT_ID
    assert caller.condition_keys["aws:principaltype"] == ("Account",)
    assert "aws:username" not in caller.condition_keys


def test_a_host(here: Installation) -> None:
    caller = here.caller(here.signed("hosts", here.host_key))
    assert (caller.kind, caller.owner_id) == (CallerKind.HOST, HOST_ID)
    assert caller.arn == f"arn:aws:hosts:{REGION}:{ACCOUNT_ID}:host/{HOST_ID}"
    assert caller.condition_keys["hosts:hostid"] == (HOST_ID,)


def test_an_assumed_role_shows_its_role_and_its_tags_the_sessions_own_first(here: Installation) -> None:
    keys = here.session_of(here.web, tags=(("TEAM", "red"),), source_identity="alice")
    caller = here.caller(here.signed("s3", keys))
    assert caller.kind is CallerKind.ASSUMED_ROLE
    assert caller.session is not None
    assert caller.owner_id == here.web.role_id
    assert caller.principal.role_arn == here.web.arn
    assert caller.principal.unique_id == here.web.role_id
    assert dict(caller.condition_keys) == {
        "aws:principalarn": (here.web.arn,),
        "aws:principalaccount": (ACCOUNT_ID,),
        "aws:principaltype": ("AssumedRole",),
        "aws:principalisawsservice": ("false",),
        "aws:userid": (f"{here.web.role_id}:session",),
        "aws:principaltag/team": ("red",),
        "aws:principaltag/stage": ("test",),
        "aws:tokenissuetime": ("2026-01-31T12:00:00Z",),
        "aws:multifactorauthpresent": ("false",),
        "aws:sourceidentity": ("alice",),
    }


def test_an_instances_session_shows_the_instance(here: Installation) -> None:
    keys = here.session_of(here.web, session_name=INSTANCE_ID, instance=instance_facts(role_delivery="1.0"))
    seen = here.caller(here.signed("s3", keys)).condition_keys
    assert seen["ec2:roledelivery"] == ("1.0",)
    assert seen["aws:ec2instancesourcevpc"] == ("vpc-0123456789abcdef0",)
    assert seen["aws:ec2instancesourceprivateipv4"] == ("10.0.0.4",)
    assert "ec2:sourceinstancearn" not in seen
    with here.store.transaction() as tx:
        tx.instances.insert(
            Instance(
                instance_id=INSTANCE_ID,
                reservation_id="r-0123456789abcdef0",
                owner_account_id=ACCOUNT_ID,
                image_id="ami-0123456789abcdef0",
                host_id=HOST_ID,
                instance_type="t3.micro",
                region="eu-west-1",
                availability_zone="eu-west-1a",
                private_ip_address="10.0.0.4",
                mac_address="02:00:00:00:00:07",
                state=InstanceState.RUNNING,
                metadata_options=MetadataOptions(),
                launched_at=here.now,
                launched_by=here.alice.arn,
            )
        )
    seen = here.caller(here.signed("s3", keys)).condition_keys
    assert seen["ec2:sourceinstancearn"] == (f"arn:aws:ec2:eu-west-1:{ACCOUNT_ID}:instance/{INSTANCE_ID}",)


def test_nothing_but_authenticate_makes_a_caller(here: Installation) -> None:
    caller = here.caller(here.signed("iam", here.alice_key))
    with pytest.raises(TypeError, match="only authenticate makes a Caller"):
        Caller(
            kind=CallerKind.ROOT,
            arn=f"arn:aws:iam::{ACCOUNT_ID}:root",
            account_id=ACCOUNT_ID,
            user_id=ACCOUNT_ID,
            owner_id=ACCOUNT_ID,
            access_key_id="AKIAIOSFODNN7EXAMPLE",
            session=None,
            principal=caller.principal,
            condition_keys={},
            proof=object(),
        )
    with pytest.raises((TypeError, ValueError)):
        replace(caller, owner_id=ACCOUNT_ID)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        caller.proof  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        caller.owner_id = ACCOUNT_ID
    with pytest.raises(TypeError):
        caller.condition_keys["aws:principalarn"] = ("another",)


def test_a_remembered_session_is_a_caller_of_the_role_as_it_is_now(here: Installation) -> None:
    keys = here.session_of(here.web)
    first = here.caller(here.signed("s3", keys))
    assert here.caller(here.signed("s3", keys)) is first
    with here.store.transaction() as tx:
        tx.roles.update(replace(here.web, tags=(Tag("Team", "grey"),)))
    assert here.caller(here.signed("s3", keys)).condition_keys["aws:principaltag/team"] == ("grey",)
