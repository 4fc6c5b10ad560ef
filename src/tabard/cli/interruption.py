"""Ctrl-C that is not lost."""

import signal
from types import FrameType


class Interruption:
    """Whether the user has asked to end; asking also raises KeyboardInterrupt, as ever.

    Python drops the exception where it comes up in a destructor or a callback of the collector; what was
    asked is then still known here.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        """Heed these signals from now on. Called in the main thread."""
        self.asked = False
        for number in numbers:
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt
