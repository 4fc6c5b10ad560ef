"""The shared page: counts outlive the process that counted, and a reader believes nothing."""

import os
import random
import signal
import struct
import subprocess
import sys

import pytest

from tabard.metrics.counters import Counter, Histogram, key_of
from tabard.metrics.exposition import summed
from tabard.metrics.families import AUDIT_LOST, METADATA_REQUESTS, REQUEST_SECONDS, REQUESTS, SERIES_DROPPED
from tabard.metrics.page import (
    KEY_BYTES,
    MOST_SERIES,
    PAGE_BYTES,
    REPORT_BYTES,
    MetricsPage,
    inherited_page,
    new_page_descriptor,
)

COUNTING = """
import os, signal, sys
from tabard.metrics.counters import Counter
from tabard.metrics.families import REQUESTS
from tabard.metrics.page import inherited_page
counter = Counter(inherited_page(int(sys.argv[1])), REQUESTS)
for _ in range(int(sys.argv[2])):
    counter.add(("s3", "GetObject", "200"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def count_and_be_killed(descriptor: int, times: int) -> None:
    """A child counts, and is killed before it could say anything."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, str(descriptor), str(times)], pass_fds=(descriptor,), check=False
    )
    assert done.returncode == -signal.SIGKILL


def test_a_killed_process_loses_no_count_and_its_successor_goes_on() -> None:
    descriptor = new_page_descriptor()
    page = MetricsPage.of(descriptor)
    for killed in (1, 2, 3):
        count_and_be_killed(descriptor, 1000)
        assert summed([page])[REQUESTS] == {("s3", "GetObject", "200"): (1000.0 * killed,)}
    os.close(descriptor)


def test_pages_are_summed_series_by_series() -> None:
    pages = [MetricsPage.private() for _ in range(3)]
    for number, page in enumerate(pages):
        Counter(page, REQUESTS).add(("s3", "GetObject", "200"), amount=number)
        Counter(page, REQUESTS).add(("iam", "GetUser", f"20{number}"))
    assert summed(pages)[REQUESTS] == {
        ("s3", "GetObject", "200"): (3.0,),
        ("iam", "GetUser", "200"): (1.0,),
        ("iam", "GetUser", "201"): (1.0,),
        ("iam", "GetUser", "202"): (1.0,),
    }


def test_a_counter_without_labels_is_there_from_the_start() -> None:
    page = MetricsPage.private()
    Counter(page, AUDIT_LOST)
    assert summed([page])[AUDIT_LOST] == {(): (0.0,)}


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (30.0, 13), (30.1, 14), (9e9, 14)]
)
def test_a_value_is_in_the_bucket_whose_bound_it_does_not_exceed(seconds: float, bucket: int) -> None:
    """Prometheus: `le`, less than or equal."""
    page = MetricsPage.private()
    Histogram(page, REQUEST_SECONDS).observe(("s3",), seconds)
    (values,) = summed([page])[REQUEST_SECONDS].values()
    assert values.index(1.0) == bucket
    assert (sum(values[:-1]), values[-1]) == (1.0, seconds)


def test_a_wrong_number_of_labels_is_an_error() -> None:
    with pytest.raises(ValueError, match="has the labels service, operation, status"):
        Counter(MetricsPage.private(), REQUESTS).add(("s3",))


def test_what_has_no_room_is_counted_as_dropped() -> None:
    page = MetricsPage.private()
    counter = Counter(page, METADATA_REQUESTS)
    for number in range(MOST_SERIES + 5):
        counter.add((str(number), "200"))
    counter.add(("x" * KEY_BYTES, "200"))
    sums = summed([page])
    assert len(sums[METADATA_REQUESTS]) == MOST_SERIES
    assert sums[SERIES_DROPPED] == {(): (6.0,)}


def test_another_layout_of_a_series_is_not_written_over() -> None:
    """A child of a newer version may have other buckets than its parent."""
    page = MetricsPage.private()
    key = key_of(REQUEST_SECONDS, ("s3",))
    page.place(key, REQUEST_SECONDS.cells - 1)
    Histogram(page, REQUEST_SECONDS).observe(("s3",), 1.0)
    sums = summed([page])
    assert sums[REQUEST_SECONDS] == {}
    assert sums[SERIES_DROPPED] == {(): (1.0,)}


def test_a_report_is_read_whole_or_not_at_all() -> None:
    page = MetricsPage.private()
    assert page.read_report() is None
    page.write_report(b"first")
    page.write_report(b"x" * (REPORT_BYTES + 1))
    assert page.read_report() == b"first"
    page.write_report(b"")
    assert page.read_report() is None


def test_a_page_full_of_noise_is_read_without_an_error() -> None:
    """A process that was taken over can write anything into its own page."""
    source = random.Random(20261201)
    descriptor = new_page_descriptor()
    for _ in range(20):
        os.pwrite(descriptor, source.randbytes(PAGE_BYTES), 0)
        os.pwrite(descriptor, struct.pack("=Q", source.choice([0, 7, MOST_SERIES, 2**63])), 0)
        page = MetricsPage.of(descriptor)
        assert page.read_report() is None
        assert all(not series for family, series in summed([page]).items() if family is not SERIES_DROPPED)
    os.close(descriptor)


def test_an_inherited_descriptor_is_closed_and_without_one_nothing_is_shared() -> None:
    descriptor = new_page_descriptor()
    inherited_page(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    Counter(inherited_page(None), AUDIT_LOST).add()
