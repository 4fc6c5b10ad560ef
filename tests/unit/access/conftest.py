"""The installation that the tests of access work in."""

import pytest

from tests.support.installation import Installation


@pytest.fixture
def here() -> Installation:
    return Installation()
