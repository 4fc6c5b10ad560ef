"""A wait of a day on a machine that sleeps, or whose clock is set."""

from datetime import UTC, datetime, timedelta

from tabard.clock import Deadline, ManualClock, SystemClock, read_clocks
from tabard.processes.sleep_until import LONGEST_NAP_SECONDS, sleep_until

DAY = timedelta(days=1)


class Naps:
    """Lets time pass for each nap; `slept` comes on top of the first, as if the lid was closed."""

    def __init__(self, clock: ManualClock, *, slept: timedelta = timedelta(0)) -> None:
        self.clock = clock
        self.slept = slept
        self.count = 0

    async def __call__(self, seconds: float) -> None:
        assert 0 < seconds <= LONGEST_NAP_SECONDS
        self.count += 1
        self.clock.advance(timedelta(seconds=seconds))
        self.clock.sleep(self.slept)
        self.slept = timedelta(0)


def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))


def deadline_of(clock: ManualClock) -> Deadline:
    return Deadline.after(read_clocks(clock), DAY.total_seconds())


async def test_a_machine_that_is_awake_waits_the_whole_time() -> None:
    awake = clock()
    await sleep_until(deadline_of(awake), awake, nap=Naps(awake))
    assert awake.monotonic_seconds() == DAY.total_seconds()


async def test_a_machine_that_slept_past_the_deadline_continues_after_one_nap() -> None:
    asleep = clock()
    naps = Naps(asleep, slept=DAY)
    await sleep_until(deadline_of(asleep), asleep, nap=naps)
    assert naps.count == 1


async def test_a_wall_clock_set_back_makes_it_no_longer() -> None:
    jumping = clock()
    deadline = deadline_of(jumping)
    jumping.step_wall_clock(timedelta(days=-30))
    await sleep_until(deadline, jumping, nap=Naps(jumping))
    assert jumping.monotonic_seconds() == DAY.total_seconds()


async def test_a_past_deadline_causes_no_wait() -> None:
    await sleep_until(Deadline.after(read_clocks(SystemClock()), 0), SystemClock())
