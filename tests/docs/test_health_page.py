"""Every member of the health and every metric is documented, with its kind and its labels."""

import re
from dataclasses import replace

from tabard.metrics.families import FAMILIES
from tabard.metrics.processes_seen import ProcessUsage
from tabard.metrics.system_health import system_health
from tests.support.repository_texts import markdown, read
from tests.support.system_seen import EDGE, system_seen

PAGE = read("docs/health.md")


def test_the_page_has_every_member_of_the_health() -> None:
    edge = replace(EDGE, usage=ProcessUsage(open_descriptors=1, descriptor_limit=2))
    said = system_health(system_seen(edge))
    process: dict[str, object]
    (process,) = said["processes"]
    for member in (*said, *process):
        assert f"| `{member}` |" in PAGE, member


def test_the_page_has_every_metric_and_no_other() -> None:
    rows = re.findall(r"^\| `(tabard_\w+)` \| (\w+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    documented = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert documented == {family.name: (family.kind, family.labels) for family in FAMILIES}


def test_no_page_names_a_metric_that_does_not_exist() -> None:
    names = {family.name for family in FAMILIES}
    for page in markdown():
        named = set(re.findall(r"`(tabard_[a-z_]+)`", read(page)))
        assert named <= names, page


def test_names_follow_prometheus_conventions() -> None:
    """https://prometheus.io/docs/practices/naming/: a prefix, base units, `_total` for counters."""
    for family in FAMILIES:
        assert re.fullmatch(r"tabard_[a-z]+(_[a-z]+)+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert bool(family.buckets) == (family.kind == "histogram")
        assert family.buckets == tuple(sorted(family.buckets))
        if family.kind == "histogram":
            assert family.name.endswith("_seconds")
        assert not re.search("milli|minute|hour|kilo|mega", family.name)
