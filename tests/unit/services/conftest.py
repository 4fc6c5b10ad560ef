"""The account that the tests of the performed services work in."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "store"))
from one_account import Account


@pytest.fixture
def account() -> Account:
    return Account()
