"""The account that the tests of the performed services work in."""

import pytest

from tests.support.one_account import Account


@pytest.fixture
def account() -> Account:
    return Account()
