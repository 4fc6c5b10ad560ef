"""The example of the policy engine alone runs, prints what its page says, and needs nothing else."""

import subprocess
import sys

from tests.support.repository_texts import blocks, read

NOTHING_ELSE = """
import sys
ours = [name for name in sys.modules if name.startswith("tabard.")]
assert all(name.startswith(("tabard.errors", "tabard.policy")) for name in ours), ours
installed = [name for name in sys.modules if name.partition(".")[0] in ("botocore", "msgspec", "sqlalchemy")]
assert not installed, installed
"""


def test_the_example_runs_by_itself_and_prints_what_stands_below_it() -> None:
    page = read("docs/policy-engine.md")
    example, expected = blocks(page, "python")[0], blocks(page, "text")[0]
    ran = subprocess.run(
        [sys.executable, "-c", example + NOTHING_ELSE], capture_output=True, text=True, timeout=60
    )
    assert ran.stderr == ""
    assert ran.stdout == expected
