"""The account, as EC2 sees it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from ec2_account import Account, Ec2Account


@pytest.fixture
def ec2(account: Account) -> Ec2Account:
    return Ec2Account(account)
