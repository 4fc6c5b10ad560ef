"""All metrics in Prometheus's text format: what the pages count, summed, and the state of each process."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tabard.metrics.counters import Labels
from tabard.metrics.families import (
    AUDIT_LAG,
    AUDIT_WAITING,
    BUILD_INFO,
    CERTIFICATE_EXPIRY,
    DESCRIPTOR_LIMIT,
    FAMILIES,
    OPEN_DESCRIPTORS,
    PROCESS_RESTARTS,
    PROCESS_UP,
    RESIDENT_BYTES,
    SERIES_DROPPED,
    SNAPSHOT_AGE,
    SNAPSHOT_VERSION,
    STORE_AVAILABLE,
    Family,
)
from tabard.metrics.page import MOST_SERIES, MetricsPage
from tabard.metrics.system_health import SystemSeen

Values = tuple[float, ...]
Sums = dict[Family, dict[Labels, Values]]

_BY_NAME = {family.name: family for family in FAMILIES}
_KEYS = msgspec.json.Decoder(tuple[str, ...])


def exposition(pages: Iterable[MetricsPage], seen: SystemSeen) -> bytes:
    """Return the answer to `GET /metrics`."""
    sums = summed(pages)
    for family, labels, value in _states(seen):
        sums.setdefault(family, {})[labels] = (value,)
    registry = CollectorRegistry()
    registry.register(_Sums(sums))
    return generate_latest(registry)


def summed(pages: Iterable[MetricsPage]) -> Sums:
    """Return the counts of all processes, also of ended ones. Unreadable series are left out."""
    sums: Sums = {family: {} for family in FAMILIES if family.kind != "gauge"}
    dropped = 0.0
    for page in pages:
        dropped += page.dropped
        for key, values in page.series():
            read = _read(key, len(values))
            if read is not None:
                family, labels = read
                so_far = sums[family].get(labels, (0.0,) * len(values))
                sums[family][labels] = tuple(a + b for a, b in zip(so_far, values, strict=True))
    sums[SERIES_DROPPED] = {(): (dropped,)}
    return sums


@lru_cache(maxsize=4 * MOST_SERIES)
def _read(key: bytes, cells: int) -> tuple[Family, Labels] | None:
    """Return the family and the labels of a series; None for what is not in our table."""
    try:
        name, *labels = _KEYS.decode(key)
    except (msgspec.DecodeError, ValueError):
        return None
    family = _BY_NAME.get(name)
    if family is None or family.kind == "gauge":
        return None
    if len(labels) != len(family.labels) or cells != family.cells:
        return None
    return family, tuple(labels)


def _states(seen: SystemSeen) -> Iterable[tuple[Family, Labels, float]]:
    """Yield the gauges: as things are now."""
    yield BUILD_INFO, (version("tabard"),), 1
    for name, expiry in seen.expiries().items():
        yield CERTIFICATE_EXPIRY, (name,), expiry
    for process in seen.processes:
        label = (process.name,)
        yield PROCESS_UP, label, process.is_up(now_monotonic_seconds=seen.now_monotonic_seconds)
        yield PROCESS_RESTARTS, label, process.restarts
        usage = process.usage
        if usage.descriptor_limit:
            yield OPEN_DESCRIPTORS, label, usage.open_descriptors
            yield DESCRIPTOR_LIMIT, label, usage.descriptor_limit
        if usage.resident_bytes:
            yield RESIDENT_BYTES, label, usage.resident_bytes
        report = process.own_report
        if report is not None and report.snapshot is not None:
            yield SNAPSHOT_VERSION, label, report.snapshot.version
            yield SNAPSHOT_AGE, label, seen.age_of(report.snapshot)
            failing = report.audit is not None and bool(report.audit.failing)
            yield STORE_AVAILABLE, label, not (report.snapshot.store or failing)
        if report is not None and report.audit is not None:
            yield AUDIT_WAITING, label, report.audit.waiting
            yield AUDIT_LAG, label, report.audit.lag_seconds


class _Sums(Collector):
    """Hands finished sums to Prometheus's own renderer."""

    def __init__(self, sums: Mapping[Family, Mapping[Labels, Values]]) -> None:
        self._sums = sums

    def collect(self) -> Iterable[Metric]:
        for family in FAMILIES:
            yield _metric(family, self._sums.get(family, {}))


def _metric(family: Family, series: Mapping[Labels, Values]) -> Metric:
    meaning = family.meaning.replace("`", "")
    metric: CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
    if family.kind == "histogram":
        metric = HistogramMetricFamily(family.name, meaning, labels=family.labels)
        for labels, values in sorted(series.items()):
            metric.add_metric(labels, buckets=_buckets(family, values), sum_value=values[-1])
        return metric
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, meaning, labels=family.labels)
    for labels, values in sorted(series.items()):
        metric.add_metric(labels, values[0])
    return metric


def _buckets(family: Family, values: Values) -> Sequence[tuple[str, float]]:
    """Return the buckets as Prometheus has them: each counts everything up to its bound."""
    bounds = (*(str(bound) for bound in family.buckets), "+Inf")
    return list(zip(bounds, accumulate(values[:-1]), strict=True))
