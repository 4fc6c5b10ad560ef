"""Ctrl-C is known of even where the exception is lost."""

import gc
import signal
from collections.abc import Iterator

import pytest

from tabard.cli.interruption import Interruption


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    former = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, former)


def test_it_interrupts_and_is_remembered() -> None:
    interruption = Interruption(signal.SIGTERM)
    assert not interruption.asked
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert interruption.asked


class Destroyed:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_remembered_where_the_exception_is_lost() -> None:
    interruption = Interruption(signal.SIGTERM)
    Destroyed()
    gc.collect()
    assert interruption.asked
