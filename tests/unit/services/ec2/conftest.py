"""The account, as EC2 sees it."""

import pytest

from tests.support.ec2_account import Account, Ec2Account


@pytest.fixture
def ec2(account: Account) -> Ec2Account:
    return Ec2Account(account)
