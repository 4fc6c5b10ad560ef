"""The account, as EC2 and the hosts service see it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "ec2"))
from ec2_account import Account, Ec2Account


@pytest.fixture
def ec2(account: Account) -> Ec2Account:
    return Ec2Account(account)
