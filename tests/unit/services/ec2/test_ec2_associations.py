"""Associate, disassociate and describe the associations of instance profiles."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from tabard.errors import AwsError
from tabard.model.association import AssociationState
from tabard.model.instance import InstanceState
from tabard.model.instance_profile import InstanceProfile
from tabard.services.ec2.instances.lifecycle import REVOKE_ON_DISASSOCIATE
from tests.support.ec2_account import ACCOUNT_ID, REGION, UNKNOWN_INSTANCE, Ec2Account, operation_of, policy

UNKNOWN_ASSOCIATION = "iip-assoc-00000000000000000"
NO_SUCH_ARN = (
    "Value (arn:aws:iam::123456789012:instance-profile/other/web) for parameter iamInstanceProfile.arn is "
    "invalid. Invalid IAM Instance Profile ARN"
)
NOT_BOTH = (
    "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'"
)


def running(ec2: Ec2Account, **asked: object) -> str:
    instance_id = ec2.launch_id(**asked)
    ec2.set_state(instance_id, InstanceState.RUNNING)
    return instance_id


def associate(ec2: Ec2Account, instance_id: str, name: str = "web", **more: object) -> dict[str, object]:
    answer = ec2.call(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile={"Name": name}, **more
    )
    shown: dict[str, object] = answer["IamInstanceProfileAssociation"]
    return shown


def test_an_association_is_made_and_waits_for_its_host(ec2: Ec2Account) -> None:
    web = ec2.instance_profile("web", ec2.role("web"))
    instance_id = running(ec2)
    shown = associate(ec2, instance_id)
    assert shown["State"] == "associating"
    assert shown["InstanceId"] == instance_id
    assert shown["IamInstanceProfile"] == {"Arn": web.arn, "Id": web.instance_profile_id}
    assert shown["Timestamp"] == ec2.account.now
    listed = ec2.call("DescribeIamInstanceProfileAssociations")
    assert listed == {"IamInstanceProfileAssociations": [shown]}


def test_of_a_stopped_instance_it_comes_and_goes_at_once(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.STOPPED)
    shown = associate(ec2, instance_id)
    assert shown["State"] == "associated"
    answer = ec2.call("DisassociateIamInstanceProfile", AssociationId=shown["AssociationId"])
    assert answer["IamInstanceProfileAssociation"]["State"] == "disassociating"
    assert ec2.association_of(instance_id).state is AssociationState.DISASSOCIATED


def test_an_instance_profile_by_its_arn(ec2: Ec2Account) -> None:
    web = ec2.instance_profile("web", path="/apps/web/")
    answer = ec2.call(
        "AssociateIamInstanceProfile", InstanceId=running(ec2), IamInstanceProfile={"Arn": web.arn}
    )
    assert answer["IamInstanceProfileAssociation"]["IamInstanceProfile"]["Arn"] == web.arn


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        ({"InstanceId": "web"}, "InvalidInstanceID.Malformed", 'Invalid id: "web" (expecting "i-...")'),
        (
            {"InstanceId": UNKNOWN_INSTANCE},
            "InvalidInstanceID.NotFound",
            f"The instance ID '{UNKNOWN_INSTANCE}' does not exist",
        ),
        (
            {"IamInstanceProfile": {"Name": "x"}},
            "InvalidParameterValue",
            "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        ),
        (
            {"IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/other/web"}},
            "InvalidParameterValue",
            NO_SUCH_ARN,
        ),
        (
            {"IamInstanceProfile": {"Name": "web", "Arn": "arn:aws:iam::123456789012:instance-profile/web"}},
            "InvalidParameterCombination",
            NOT_BOTH,
        ),
        (
            {"IamInstanceProfile": {}},
            "MissingParameter",
            "The request must contain the parameter iamInstanceProfile.name or iamInstanceProfile.arn",
        ),
    ],
)
def test_what_cannot_be_associated(
    ec2: Ec2Account, asked: dict[str, object], code: str, sentence: str
) -> None:
    ec2.instance_profile("web")
    request: dict[str, object] = {"InstanceId": running(ec2), "IamInstanceProfile": {"Name": "web"}} | asked
    assert ec2.refused("AssociateIamInstanceProfile", **request) == (code, 400, sentence)


@pytest.mark.parametrize("state", ["pending", "stopping", "shutting-down", "terminated"])
def test_only_running_and_stopped_instances_are_associated(ec2: Ec2Account, state: str) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(state))
    assert ec2.refused(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile={"Name": "web"}
    ) == (
        "IncorrectInstanceState",
        400,
        f"The instance '{instance_id}' is not in the 'running' or 'stopped' states.",
    )


@pytest.mark.parametrize("state", ["associating", "associated", "disassociating"])
def test_one_association_at_a_time(ec2: Ec2Account, state: str) -> None:
    ec2.instance_profile("web")
    instance_id = running(ec2, IamInstanceProfile={"Name": "web"})
    ec2.set_association_state(ec2.association_of(instance_id).association_id, AssociationState(state))
    assert ec2.refused(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile={"Name": "web"}
    ) == ("IncorrectState", 400, f"There is an existing association for instance {instance_id}")


def test_after_one_has_ended_another_may_begin(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = running(ec2, IamInstanceProfile={"Name": "web"})
    ec2.set_association_state(ec2.association_of(instance_id).association_id, AssociationState.DISASSOCIATED)
    assert associate(ec2, instance_id)["State"] == "associating"


def test_associating_needs_the_instance_and_the_role(ec2: Ec2Account) -> None:
    web = ec2.role("web")
    ec2.instance_profile("web", web)
    ec2.instance_profile("db", ec2.role("db"))
    mine, other = running(ec2), running(ec2)
    associator = ec2.account.add_user(
        "associator",
        policy(
            Action="ec2:AssociateIamInstanceProfile",
            Resource=f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{mine}",
            Condition={"StringLike": {"ec2:NewInstanceProfile": "*:instance-profile/*"}},
        ),
        policy(
            Action="iam:PassRole",
            Resource=web.arn,
            Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
    )
    for instance_id, name in ((other, "web"), (mine, "db"), (mine, "unknown"), (UNKNOWN_INSTANCE, "web")):
        code, status, _ = ec2.refused(
            "AssociateIamInstanceProfile",
            as_=associator,
            InstanceId=instance_id,
            IamInstanceProfile={"Name": name},
        )
        assert (code, status) == ("UnauthorizedOperation", 403)
    assert associate(ec2, mine, as_=associator)


def swap_role(ec2: Ec2Account, web: InstanceProfile) -> None:
    other = ec2.role("other")
    with ec2.account.store.transaction() as tx:
        tx.instance_profiles.update(replace(web, role_id=other.role_id))


def move_path(ec2: Ec2Account, web: InstanceProfile) -> None:
    with ec2.account.store.transaction() as tx:
        tx.instance_profiles.delete(web.instance_profile_id)
        tx.instance_profiles.insert(replace(web, path="/elsewhere/"))


def remove(ec2: Ec2Account, web: InstanceProfile) -> None:
    with ec2.account.store.transaction() as tx:
        tx.instance_profiles.delete(web.instance_profile_id)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (swap_role, "UnauthorizedOperation"),
        (move_path, "InvalidParameterValue"),
        (remove, "InvalidParameterValue"),
    ],
)
@pytest.mark.parametrize("operation", ["AssociateIamInstanceProfile", "RunInstances"])
def test_what_was_decided_about_is_what_is_given(
    ec2: Ec2Account,
    operation: str,
    change: Callable[[Ec2Account, InstanceProfile], None],
    code: str,
) -> None:
    """Between the decision and the transaction the instance profile changes: nothing is given."""
    web = ec2.instance_profile("web", ec2.role("web"))
    instance_id = running(ec2)
    asked: dict[str, object] = {"IamInstanceProfile": {"Name": "web"}}
    if operation == "RunInstances":
        asked |= {"ImageId": ec2.instance(instance_id).image_id, "MinCount": 1, "MaxCount": 1}
    else:
        asked |= {"InstanceId": instance_id}
    described = operation_of("ec2", operation)
    request = msgspec.convert(asked, described.request)
    account = ec2.account
    checks = described.checks(request, account.facts(account.admin))
    permit = account.permit(account.admin, *checks, service="ec2")
    change(ec2, web)
    with pytest.raises(AwsError) as raised:
        ec2.account.perform(described, permit, request)
    assert raised.value.error_code == code
    assert not ec2.snapshot.associations


def test_disassociating_waits_for_the_host_and_revokes_nothing(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = running(ec2, IamInstanceProfile={"Name": "web"})
    association_id = ec2.association_of(instance_id).association_id
    for _ in range(2):
        answer = ec2.call("DisassociateIamInstanceProfile", AssociationId=association_id)
        assert answer["IamInstanceProfileAssociation"]["State"] == "disassociating"
    assert ec2.association_of(instance_id).state is AssociationState.DISASSOCIATING
    assert ec2.snapshot.active_association_of(instance_id) is None
    assert ec2.snapshot.revoked_at("instance", instance_id) is None


def test_disassociating_ends_the_sessions_so_far_where_the_installation_is_set_to(ec2: Ec2Account) -> None:
    with ec2.account.store.transaction() as tx:
        tx.installation.put(REVOKE_ON_DISASSOCIATE, "yes")
    ec2.instance_profile("web")
    instance_id = running(ec2, IamInstanceProfile={"Name": "web"})
    association_id = ec2.association_of(instance_id).association_id
    ec2.call("DisassociateIamInstanceProfile", AssociationId=association_id)
    assert ec2.snapshot.revoked_at("instance", instance_id) == ec2.account.now.replace(microsecond=0)


def test_what_cannot_be_disassociated(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = running(ec2, IamInstanceProfile={"Name": "web"})
    over = ec2.association_of(instance_id).association_id
    ec2.set_association_state(over, AssociationState.DISASSOCIATED)
    for association_id in (UNKNOWN_ASSOCIATION, over, "nonsense"):
        assert ec2.refused("DisassociateIamInstanceProfile", AssociationId=association_id) == (
            "InvalidAssociationID.NotFound",
            400,
            f"An invalid association-id of '{association_id}' was given",
        )


def test_an_association_answers_in_its_own_region_alone(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = running(ec2, IamInstanceProfile={"Name": "web"})
    association_id = ec2.association_of(instance_id).association_id
    with pytest.raises(AwsError) as raised:
        ec2.call_in("eu-west-1", "DisassociateIamInstanceProfile", AssociationId=association_id)
    assert raised.value.error_code == "InvalidAssociationID.NotFound"
    assert ec2.call_in("eu-west-1", "DescribeIamInstanceProfileAssociations") == {
        "IamInstanceProfileAssociations": []
    }
    with pytest.raises(AwsError) as raised:
        ec2.call_in(
            "eu-west-1",
            "AssociateIamInstanceProfile",
            InstanceId=instance_id,
            IamInstanceProfile={"Name": "web"},
        )
    assert raised.value.error_code == "InvalidInstanceID.NotFound"


def test_disassociating_is_checked_on_the_instance(ec2: Ec2Account) -> None:
    web = ec2.instance_profile("web")
    mine = running(ec2, IamInstanceProfile={"Name": "web"})
    other = running(ec2, IamInstanceProfile={"Name": "web"})
    user = ec2.account.add_user(
        "user",
        policy(
            Action="ec2:DisassociateIamInstanceProfile",
            Resource=f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{mine}",
            Condition={"ArnEquals": {"ec2:InstanceProfile": web.arn}},
        ),
    )
    for association_id in (ec2.association_of(other).association_id, UNKNOWN_ASSOCIATION):
        refused = ec2.refused("DisassociateIamInstanceProfile", as_=user, AssociationId=association_id)
        assert refused[0] == "UnauthorizedOperation"
    own = ec2.association_of(mine).association_id
    assert ec2.call("DisassociateIamInstanceProfile", as_=user, AssociationId=own)


def test_associations_are_found_by_id_filter_and_page(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_ids = [each["InstanceId"] for each in ec2.launch(MaxCount=7, IamInstanceProfile={"Name": "web"})]
    first = ec2.association_of(instance_ids[0]).association_id
    ec2.set_association_state(first, AssociationState.ASSOCIATED)

    def found(**asked: object) -> list[str]:
        answer = ec2.call("DescribeIamInstanceProfileAssociations", **asked)
        return [each["AssociationId"] for each in answer["IamInstanceProfileAssociations"]]

    assert found(AssociationIds=[first, first]) == [first]
    assert found(Filters=[{"Name": "instance-id", "Values": [instance_ids[0]]}]) == [first]
    assert found(Filters=[{"Name": "state", "Values": ["associated"]}]) == [first]
    assert len(found(Filters=[{"Name": "state", "Values": ["associating"]}])) == 6
    page = ec2.call("DescribeIamInstanceProfileAssociations", MaxResults=5)
    rest = found(MaxResults=5, NextToken=page["NextToken"])
    assert len(page["IamInstanceProfileAssociations"]) == 5
    assert len(rest) == 2


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"AssociationIds": [UNKNOWN_ASSOCIATION]}, "InvalidAssociationID.NotFound"),
        ({"Filters": [{"Name": "tag:x", "Values": ["x"]}]}, "InvalidParameterValue"),
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"NextToken": "x"}, "InvalidNextToken"),
    ],
)
def test_associations_that_cannot_be_described(ec2: Ec2Account, asked: dict[str, object], code: str) -> None:
    assert ec2.refused("DescribeIamInstanceProfileAssociations", **asked)[:2] == (code, 400)


# Replace


@pytest.fixture
def replaceable(ec2: Ec2Account) -> str:
    """A running instance with the instance profile `web`, confirmed by its host; `other` is there as well."""
    ec2.instance_profile("web", ec2.role("web"))
    ec2.instance_profile("other", ec2.role("other"))
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    ec2.set_state(instance_id, InstanceState.RUNNING)
    ec2.set_association_state(ec2.association_of(instance_id).association_id, AssociationState.ASSOCIATED)
    return instance_id


def test_an_association_is_replaced_without_a_gap(ec2: Ec2Account, replaceable: str) -> None:
    before = ec2.association_of(replaceable)
    ec2.account.now += timedelta(seconds=1)
    answer = ec2.call(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=before.association_id,
        IamInstanceProfile={"Name": "other"},
    )["IamInstanceProfileAssociation"]
    after = ec2.snapshot.active_association_of(replaceable)
    assert after is not None
    assert after.association_id == answer["AssociationId"] != before.association_id
    assert answer["State"] == "associating"
    assert answer["IamInstanceProfile"]["Arn"].endswith(":instance-profile/other")
    assert ec2.snapshot.associations[before.association_id].state is AssociationState.DISASSOCIATING


@pytest.mark.parametrize("state", [InstanceState.RUNNING, InstanceState.STOPPED])
def test_the_same_instance_profile_again_keeps_the_association(
    ec2: Ec2Account, replaceable: str, state: InstanceState
) -> None:
    ec2.set_state(replaceable, state)
    before = ec2.association_of(replaceable)
    ec2.account.now += timedelta(seconds=1)
    for same in ({"Name": "web"}, {"Arn": before.instance_profile_arn}):
        answer = ec2.call(
            "ReplaceIamInstanceProfileAssociation",
            AssociationId=before.association_id,
            IamInstanceProfile=same,
        )["IamInstanceProfileAssociation"]
        assert (answer["AssociationId"], answer["State"]) == (before.association_id, "associated")
    assert ec2.association_of(replaceable) == before


def test_an_instance_profile_of_the_same_name_is_another(ec2: Ec2Account, replaceable: str) -> None:
    before = ec2.association_of(replaceable)
    with ec2.account.store.transaction() as tx:
        web = tx.instance_profiles.named("web")
        assert web is not None
        tx.instance_profiles.delete(web.instance_profile_id)
        tx.instance_profiles.insert(replace(web, instance_profile_id="AIPA0000000000EXAMPLE"))
    answer = ec2.call(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=before.association_id,
        IamInstanceProfile={"Name": "web"},
    )["IamInstanceProfileAssociation"]
    assert answer["AssociationId"] != before.association_id


def test_of_a_stopped_instance_it_is_replaced_at_once(ec2: Ec2Account, replaceable: str) -> None:
    ec2.set_state(replaceable, InstanceState.STOPPED)
    before = ec2.association_of(replaceable)
    answer = ec2.call(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=before.association_id,
        IamInstanceProfile={"Name": "other"},
    )["IamInstanceProfileAssociation"]
    assert answer["State"] == "associated"
    assert ec2.snapshot.associations[before.association_id].state is AssociationState.DISASSOCIATED


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"AssociationId": "iip-assoc-00000000000000000"}, "InvalidAssociationID.NotFound"),
        ({"IamInstanceProfile": {"Name": "absent"}}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {}}, "MissingParameter"),
        ({"IamInstanceProfile": {"Name": "other", "Arn": "x"}}, "InvalidParameterCombination"),
    ],
    ids=str,
)
def test_replacements_that_cannot_be(
    ec2: Ec2Account, replaceable: str, arguments: dict[str, object], code: str
) -> None:
    before = ec2.association_of(replaceable)
    asked = {"AssociationId": before.association_id, "IamInstanceProfile": {"Name": "other"}, **arguments}
    assert ec2.refused("ReplaceIamInstanceProfileAssociation", **asked)[0] == code
    assert ec2.association_of(replaceable) == before


@pytest.mark.parametrize("state", ["pending", "stopping", "shutting-down"])
def test_only_of_a_running_or_stopped_instance_is_it_replaced(
    ec2: Ec2Account, replaceable: str, state: str
) -> None:
    ec2.set_state(replaceable, InstanceState(state))
    asked = {
        "AssociationId": ec2.association_of(replaceable).association_id,
        "IamInstanceProfile": {"Name": "other"},
    }
    assert ec2.refused("ReplaceIamInstanceProfileAssociation", **asked)[0] == "IncorrectInstanceState"


def test_what_is_ending_is_not_replaced(ec2: Ec2Account, replaceable: str) -> None:
    association_id = ec2.association_of(replaceable).association_id
    ec2.set_association_state(association_id, AssociationState.DISASSOCIATING)
    refused = ec2.refused(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=association_id,
        IamInstanceProfile={"Name": "other"},
    )
    assert refused[0] == "IncorrectState"


def test_a_replacement_passes_the_role(ec2: Ec2Account, replaceable: str) -> None:
    """AWS: iam:PassRole, as of any association."""
    association_id = ec2.association_of(replaceable).association_id
    replace_only = policy(Action="ec2:ReplaceIamInstanceProfileAssociation")
    other = "arn:aws:iam::123456789012:role/other"
    without = ec2.account.add_user("without", replace_only)
    having = ec2.account.add_user("having", replace_only, policy(Action="iam:PassRole", Resource=other))
    asked = {"AssociationId": association_id, "IamInstanceProfile": {"Name": "other"}}
    assert ec2.refused("ReplaceIamInstanceProfileAssociation", as_=without, **asked)[1] == 403
    ec2.call("ReplaceIamInstanceProfileAssociation", as_=having, **asked)


def test_a_policy_may_say_which_instance_profile_is_new(ec2: Ec2Account, replaceable: str) -> None:
    arn = "arn:aws:iam::123456789012:instance-profile/web"
    caller = ec2.account.add_user(
        "choosy",
        policy(
            Action="ec2:ReplaceIamInstanceProfileAssociation",
            Condition={"ArnEquals": {"ec2:NewInstanceProfile": arn}},
        ),
        policy(Action="iam:PassRole"),
    )
    association_id = ec2.association_of(replaceable).association_id
    for name, allowed in (("other", False), ("web", True)):
        asked = {"AssociationId": association_id, "IamInstanceProfile": {"Name": name}}
        if allowed:
            ec2.call("ReplaceIamInstanceProfileAssociation", as_=caller, **asked)
        else:
            assert ec2.refused("ReplaceIamInstanceProfileAssociation", as_=caller, **asked)[1] == 403
