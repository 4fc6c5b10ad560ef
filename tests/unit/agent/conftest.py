"""The agent's tests describe their instances as the metadata's tests do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "imds"))
