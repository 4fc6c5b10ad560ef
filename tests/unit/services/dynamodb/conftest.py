"""The tables that the tests of DynamoDB know of."""

import pytest

from tests.support.dynamodb_account import Tables
from tests.support.one_account import Account


@pytest.fixture
def tables(account: Account) -> Tables:
    return Tables(account)
