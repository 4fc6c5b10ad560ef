"""Every error answers with a code, a status and a whole sentence."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from tabard.errors import AwsError, CodedError, RelayedError
from tests.support.package_contents import modules, subclasses_of

# The code of a CodedError is an upstream's, or the service's that refuses: `tests/unit/access` has those.
ERRORS = [
    error for error in subclasses_of(AwsError) if error is not AwsError and not issubclass(error, CodedError)
]
PLAIN = [error for error in ERRORS if error.__init__ is AwsError.__init__]
EACH = pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error.__module__}.{error.__name__}")
EACH_PLAIN = pytest.mark.parametrize("error", PLAIN, ids=lambda error: f"{error.__module__}.{error.__name__}")


def details_of(error: type[AwsError]) -> set[str]:
    """The details that an error's sentence names."""
    return {name for _, name, _, _ in Formatter().parse(error.sentence) if name is not None}


def test_there_are_errors() -> None:
    assert len(ERRORS) > 50


@EACH
def test_an_error_has_a_code_a_status_and_a_fault_that_fit(error: type[AwsError]) -> None:
    assert error.code
    assert error.code.strip() == error.code
    assert 400 <= error.status <= 599
    assert error.fault == ("Receiver" if error.status >= 500 and error.status != 501 else error.fault)
    assert not (error.fault == "Receiver" and error.status < 500)


@EACH
def test_an_error_says_in_its_docstring_what_it_means(error: type[AwsError]) -> None:
    assert (inspect.getdoc(error) or "") != (inspect.getdoc(AwsError) or "")


@EACH_PLAIN
def test_a_sentence_is_whole_with_its_details_and_not_without_them(error: type[AwsError]) -> None:
    details = details_of(error)
    assert all(name.isidentifier() for name in details)
    raised = error(**dict.fromkeys(details, "DETAIL"), members={"Member": "value"})
    assert raised.message.count("DETAIL") >= len(details)
    assert not set("{}") & set(raised.message)
    assert str(raised) == raised.message.strip() == raised.message
    assert (raised.error_code, raised.http_status) == (error.code, error.status)
    assert raised.members == {"Member": "value"}
    for missing in details:
        with pytest.raises(KeyError):
            error(**dict.fromkeys(details - {missing}, "DETAIL"))


def raised_in_the_package() -> Iterator[tuple[str, type[AwsError], set[str]]]:
    """Each place where an error is made: where, which, and with what details."""
    for module in modules():
        path = Path(str(module.__file__))
        errors = {
            name: value for name, value in vars(module).items() if isinstance(value, type) and value in PLAIN
        }
        for node in ast.walk(ast.parse(path.read_text())) if errors else ():
            called = getattr(node, "func", None) or getattr(node, "exc", None)
            error = errors.get(getattr(called, "id", ""))
            if error is not None:
                keywords = node.keywords if isinstance(node, ast.Call) else []
                if all(keyword.arg is not None for keyword in keywords):
                    given = {str(keyword.arg) for keyword in keywords} - {"members"}
                    yield f"{path.name}:{called.lineno}", error, given


def test_every_error_is_raised_with_the_details_that_its_sentence_names() -> None:
    places = list(raised_in_the_package())
    assert len(places) > 100
    wrong = [(place, error.__name__, given) for place, error, given in places if given != details_of(error)]
    assert wrong == []


def test_an_error_that_an_upstream_answered_is_passed_on_as_it_is() -> None:
    relayed = RelayedError(code="SlowDown", status=503, message="later {x}", members={"a": 1})
    assert (relayed.error_code, relayed.http_status, relayed.message) == ("SlowDown", 503, "later {x}")
    assert (relayed.relayed_fault, relayed.members) == ("Receiver", {"a": 1})
    assert RelayedError(code="X", status=404, message="").relayed_fault == "Sender"
