"""What the tests of the whole package share."""

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
for folder in ("architecture", "store", "unit/services"):
    sys.path.append(str(_TESTS / folder))
