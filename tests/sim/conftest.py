"""The simulations use the same described instance and the same edge in memory as the unit tests."""

import sys
from pathlib import Path

_UNIT = Path(__file__).parents[1] / "unit"
sys.path[:0] = [str(_UNIT / "imds"), str(_UNIT / "agent"), str(Path(__file__).parent)]
