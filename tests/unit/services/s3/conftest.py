"""Where the requests of the S3 tests come from."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
