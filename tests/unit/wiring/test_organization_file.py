"""An organization as a file: what is read, what is refused, and putting it in force."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tabard.model.organization import FULL_ACCESS, ControlType, NodeKind
from tabard.model.organization_tree import LONGEST_DOCUMENT, as_tree
from tabard.wiring.bootstrap import SettingsConflict, bootstrap
from tabard.wiring.data_dir import DataDir
from tabard.wiring.organization import apply_from_file, organization_in_force, remove_organization
from tabard.wiring.organization_file import OrganizationRefused, read_organization
from tabard.wiring.settings import Settings
from tests.support.memory_store import MemoryStore

ACCOUNT = "111122223333"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DENY = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"},
}
DENY_RESOURCES = {"Version": "2012-10-17", "Statement": {**DENY["Statement"], "Principal": "*"}}
ALLOW_RESOURCES = {"Version": "2012-10-17", "Statement": {**DENY_RESOURCES["Statement"], "Effect": "Allow"}}

TOML = f"""
id = "o-exampleorg1"
management_account = "999988887777"

[[policies]]
name = "keep buckets"
type = "service-control"
document = '''{json.dumps(DENY)}'''

[[policies]]
name = "keep ours"
type = "resource-control"
document = '''{json.dumps(DENY_RESOURCES)}'''

[root]
id = "r-root"

[[root.units]]
id = "ou-root-workload1"
name = "Workloads"
service_control = ["FullAWSAccess", "keep buckets"]

[[root.units.accounts]]
id = "111122223333"
resource_control = ["keep ours"]
"""

TREE: dict[str, object] = {
    "id": "o-exampleorg1",
    "management_account": "999988887777",
    "policies": [{"name": "keep buckets", "type": "service-control", "document": DENY}],
    "root": {
        "id": "r-root",
        "accounts": [{"id": ACCOUNT, "service_control": [FULL_ACCESS, "keep buckets"]}],
    },
}


def written(folder: Path, tree: object) -> Path:
    path = folder / "organization.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    with made.transaction() as tx:
        tx.installation.put("account_id", ACCOUNT)
    return made


def test_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "organization.toml"
    path.write_text(TOML)
    organization = read_organization(path)
    assert [(node.kind, node.node_id, node.parent_id) for node in organization.nodes] == [
        (NodeKind.ROOT, "r-root", ""),
        (NodeKind.UNIT, "ou-root-workload1", "r-root"),
        (NodeKind.ACCOUNT, ACCOUNT, "ou-root-workload1"),
    ]
    assert [node.service_control for node in organization.nodes] == [
        (FULL_ACCESS,),
        (FULL_ACCESS, "keep buckets"),
        (FULL_ACCESS,),
    ]
    assert organization.nodes[2].resource_control == ("keep ours",)
    assert [(policy.name, policy.control_type) for policy in organization.policies] == [
        ("keep buckets", ControlType.SERVICE),
        ("keep ours", ControlType.RESOURCE),
    ]


def test_what_is_shown_as_json_is_read_as_the_same(tmp_path: Path) -> None:
    path = tmp_path / "organization.toml"
    path.write_text(TOML)
    organization = read_organization(path)
    assert read_organization(written(tmp_path, as_tree(organization))) == organization


def test_a_json_files_document_may_be_an_object(tmp_path: Path) -> None:
    organization = read_organization(written(tmp_path, TREE))
    assert json.loads(organization.policies[0].document) == DENY


def policy(document: object, kind: str = "service-control") -> dict[str, object]:
    return {**TREE, "policies": [{"name": "keep buckets", "type": kind, "document": document}]}


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ("{", "Expecting"),
        ("[" * 100_000, "recursion"),
        ({**TREE, "polices": []}, "unknown field `polices`"),
        ({**TREE, "root": {"id": "r-root", "service_controls": []}}, "unknown field `service_controls`"),
        ({**TREE, "root": {}}, "missing required field `id`"),
        ({**TREE, "id": "x"}, "'x' is no organization's id"),
        ({**TREE, "policies": []}, "names the service-control policy 'keep buckets', which does not exist"),
        (policy(DENY, "tag"), "Invalid enum value 'tag'"),
        (policy("{"), "the policy 'keep buckets': "),
        (policy({**DENY, "Version": "2008-10-17"}), "the policy 'keep buckets': "),
        (policy(DENY_RESOURCES), "the policy 'keep buckets': "),
        (policy(DENY, "resource-control"), "the policy 'keep buckets': "),
        (
            policy(ALLOW_RESOURCES, "resource-control"),
            "The Effect of a resource control policy must be Deny",
        ),
        (policy(" " * (LONGEST_DOCUMENT + 1)), "has more than 5120 characters"),
    ],
)
def test_what_a_file_cannot_say(tmp_path: Path, tree: object, sentence: str) -> None:
    with pytest.raises(OrganizationRefused, match=sentence):
        read_organization(written(tmp_path, tree))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OrganizationRefused, match="cannot be read: No such file"):
        read_organization(tmp_path / "none.toml")


def test_an_organization_is_put_in_force_once_and_audited(tmp_path: Path, store: MemoryStore) -> None:
    path = written(tmp_path, TREE)
    applied = apply_from_file(store, path, now=NOW)
    assert organization_in_force(store) == applied
    version = store.snapshot().version
    apply_from_file(store, path, now=NOW)
    assert store.snapshot().version == version
    assert remove_organization(store, now=NOW) == applied
    assert remove_organization(store, now=NOW) is None
    assert organization_in_force(store) is None
    with store.transaction() as tx:
        events = [event for _, event in tx.audit.read(after=0, limit=9)]
    assert [(event.service, event.operation, event.resources) for event in events] == [
        ("organizations", "ApplyOrganization", ("o-exampleorg1",)),
        ("organizations", "RemoveOrganization", ("o-exampleorg1",)),
    ]


def test_the_account_must_be_in_the_organization_or_manage_it(tmp_path: Path, store: MemoryStore) -> None:
    elsewhere = {**TREE, "root": {"id": "r-root"}}
    with pytest.raises(OrganizationRefused, match=f"account {ACCOUNT}.* is not in o-exampleorg1"):
        apply_from_file(store, written(tmp_path, elsewhere), now=NOW)
    assert organization_in_force(store) is None
    apply_from_file(store, written(tmp_path, {**elsewhere, "management_account": ACCOUNT}), now=NOW)
    with pytest.raises(OrganizationRefused, match="the store has no account yet"):
        apply_from_file(MemoryStore(), written(tmp_path, TREE), now=NOW)


def test_a_start_puts_the_settings_file_in_force_and_without_one_leaves_what_is(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "data")
    data_dir.prepare()
    store = MemoryStore()
    path = written(tmp_path, TREE)

    def start(**given: object) -> None:
        bootstrap(store, data_dir, Settings(data_dir=data_dir.path, account_id=ACCOUNT, **given), now=NOW)

    start(organization_file=path)
    assert organization_in_force(store) is not None
    start()
    assert organization_in_force(store) is not None
    written(tmp_path, "{")
    with pytest.raises(SettingsConflict, match=r"organization\.json: Expecting"):
        start(organization_file=path)
