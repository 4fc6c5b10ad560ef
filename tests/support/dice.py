"""Chance that can be repeated: `TABARD_SEED=7 make test-all` throws other dice than the default of 1."""

import os
import random


def dice(name: str) -> random.Random:
    """The dice of one test, by its name and the seed of this run; a failed test shows the seed."""
    seed = os.environ.get("TABARD_SEED", "1")
    print(f"TABARD_SEED={seed}")
    return random.Random(f"{seed}/{name}")
