"""The store's test material stands beside its conformance suite."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "store"))
