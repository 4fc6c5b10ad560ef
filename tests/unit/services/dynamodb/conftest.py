"""The tables that the tests of DynamoDB know of."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from dynamodb_account import Tables
from one_account import Account


@pytest.fixture
def tables(account: Account) -> Tables:
    return Tables(account)
