"""The installation that the tests of access work in."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "store"))
from installation import Installation


@pytest.fixture
def here() -> Installation:
    return Installation()
