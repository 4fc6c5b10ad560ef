"""Every request passes the same stages in the same order, and no stage can be skipped."""

import ast
import inspect
import textwrap
from typing import get_args, get_type_hints

import msgspec
import pytest

from tabard.access.authorize import Permit
from tabard.access.caller import Caller
from tabard.edge import pipeline, stages
from tabard.edge.authenticate import Authentication
from tabard.edge.perform import Performer
from tabard.edge.pipeline import Pipeline
from tabard.edge.stages import Authenticated, Authorized, Claimed, Parsed, Resolved
from tabard.edge.tables import OPERATIONS
from tabard.services.operation import Forward, Performed
from tabard.wire.request import RawRequest, ServiceName
from tests.support.package_contents import syntax_trees

THE_STAGES = ["identify", "authenticate", "decide_and_perform", "render_refusal", "record"]
THE_DECISION = ["parse", "resolve", "authorize", "perform"]
# What each room is handed, and what it hands on: made of the one before it, so that none can be left out.
STAGES = [
    (Claimed, RawRequest),
    (Authenticated, Claimed),
    (Parsed, Authenticated),
    (Resolved, Parsed),
    (Authorized, Resolved),
]


def calls_of(function: object) -> list[str]:
    """The names of what a function calls, in the order of the text."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls.sort(key=lambda node: (node.lineno, node.col_offset))
    return [
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in calls
    ]


@pytest.mark.parametrize(
    ("method", "stages_called"),
    [(Pipeline.answer, THE_STAGES), (Pipeline.decide_and_perform, THE_DECISION)],
    ids=["answer", "decide_and_perform"],
)
def test_the_pipeline_reads_as_the_list_of_its_stages(method: object, stages_called: list[str]) -> None:
    walked = [name for name in calls_of(method) if name in {*THE_STAGES, *THE_DECISION}]
    assert walked == stages_called, "each stage is called once, in this order"


@pytest.mark.parametrize(("stage", "before"), STAGES, ids=lambda one: one.__name__)
def test_a_stage_is_a_frozen_value_made_of_the_one_before(stage: type, before: type) -> None:
    assert issubclass(stage, msgspec.Struct)
    assert stage.__struct_config__.frozen
    required = [each for each in msgspec.structs.fields(stage) if each.type is before and each.required]
    assert len(required) == 1


def test_there_is_no_stage_beside_these() -> None:
    found = {
        name
        for name, value in vars(stages).items()
        if isinstance(value, type) and value.__module__ == stages.__name__
    }
    assert found == {stage.__name__ for stage, _ in STAGES}
    assert set(get_args(stages.Stage)) == {RawRequest, *(stage for stage, _ in STAGES)}


def test_each_room_takes_what_the_one_before_it_made() -> None:
    for room, taken, made in (
        (pipeline.identify, RawRequest, Claimed),
        (Authentication.authenticate, Claimed, Authenticated),
        (pipeline.parse, Authenticated, Parsed),
        (Pipeline.resolve, Parsed, Resolved),
        (Pipeline.authorize, Resolved, Authorized),
    ):
        hints = get_type_hints(room)
        assert hints["return"] is made
        assert taken in hints.values()
    assert Authorized in get_type_hints(Performer.perform).values()


def callers_of(name: str) -> set[str]:
    """The files that call something of this name."""
    return {
        file
        for file, tree in syntax_trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    }


@pytest.mark.parametrize(
    ("proof", "maker"),
    [(Caller, "access/caller.py"), (Permit, "access/authorize.py")],
    ids=["Caller", "Permit"],
)
def test_only_its_own_room_makes_a_proof(proof: type, maker: str) -> None:
    """`Caller` is made where a signature was verified, `Permit` where every check was decided."""
    assert callers_of(proof.__name__) == {maker}


@pytest.mark.parametrize("stage", [stage for stage, _ in STAGES], ids=lambda one: one.__name__)
def test_only_the_pipeline_and_authentication_make_stages(stage: type) -> None:
    maker = "edge/authenticate.py" if stage is Authenticated else "edge/pipeline.py"
    assert callers_of(stage.__name__) == {maker}


def test_the_edge_asks_for_no_service_by_name() -> None:
    """A service differs from others by its row in `edge/tables.py` and by its rows of operations."""
    compared = {
        (file, ast.unparse(node))
        for file, tree in syntax_trees().items()
        if file.startswith("edge/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        for constant in ast.walk(side)
        if isinstance(constant, ast.Constant) and constant.value in get_args(ServiceName)
    }
    assert compared == set()


def test_nothing_seals_a_session_but_mint() -> None:
    """`access.mint` is the only caller of `seal`, and needs a Permit."""
    users = {
        file
        for file, tree in syntax_trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "tabard.credentials.token"
        and any(name.name == "seal" for name in node.names)
    }
    assert users == {"access/mint.py"}


@pytest.mark.parametrize("service", get_args(ServiceName))
def test_every_service_has_a_table_whose_rows_have_checks(service: ServiceName) -> None:
    assert OPERATIONS[service]
    for name, operation in OPERATIONS[service].items():
        assert isinstance(operation, Forward | Performed)
        assert operation.name == name
        assert callable(operation.checks)


def test_services_are_either_performed_here_or_forwarded() -> None:
    forwarded = {
        service
        for service, table in OPERATIONS.items()
        if any(isinstance(row, Forward) for row in table.values())
    }
    assert forwarded == {"s3", "dynamodb", "sqs"}
    for service in forwarded:
        assert all(isinstance(row, Forward) for row in OPERATIONS[service].values())


def test_upstreams_are_never_shown_the_request_that_came() -> None:
    """They are asked from the typed call: nothing that forwards knows the raw request."""
    for name in ("forward_s3", "forward_json", "table_keys"):
        nodes = list(ast.walk(syntax_trees()[f"edge/{name}.py"]))
        imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert imported
        assert RawRequest.__name__ not in imported
        assert "raw" not in {node.attr for node in nodes if isinstance(node, ast.Attribute)}
