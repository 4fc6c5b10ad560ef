"""The dashboard and the alert rules in deploy/ use only metrics, labels and values that exist."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from tabard.agent.agent_metrics import SessionOutcome
from tabard.metrics.families import FAMILIES, INSTANCE_SESSIONS
from tests.support.repository_texts import read

ALERTS = yaml.safe_load(read("deploy/tabard-alerts.yaml"))
DASHBOARD = json.loads(read("deploy/tabard-dashboard.json"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

LABELS = {"up": {"job", "instance"}}
for _family in FAMILIES:
    _labels = {"job", "instance", *_family.labels}
    if _family.kind == "histogram":
        LABELS[f"{_family.name}_bucket"] = _labels | {"le"}
        LABELS[f"{_family.name}_sum"] = LABELS[f"{_family.name}_count"] = _labels
    else:
        LABELS[_family.name] = _labels

_WORDS = {"sum", "by", "rate", "increase", "histogram_quantile", "time"}
_SELECTOR = re.compile(r"([a-z_]+)(?:\{([^}]*)\})?(?:\[[^]]*\])?")
_MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')


def faults_of(expression: str) -> Iterator[str]:
    """What an expression of PromQL names that does not exist."""
    grouped = {
        label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")
    }
    without_groups = re.sub(r"by \([^)]*\)", "by", expression)
    metrics = {name for name, _ in _SELECTOR.findall(without_groups) if name not in _WORDS}
    for name, matchers in _SELECTOR.findall(without_groups):
        if name in _WORDS:
            continue
        if name not in LABELS:
            yield f"no metric {name}"
            continue
        written = [each for each in matchers.split(",") if each]
        read_matchers = _MATCHER.findall(matchers)
        if len(written) != len(read_matchers):
            yield f"matchers that do not read: {matchers}"
        yield from (
            f"no label {label} of {name}" for label, _, _ in read_matchers if label not in LABELS[name]
        )
    for name in metrics & set(LABELS):
        yield from (f"no label {label} of {name}" for label in grouped - LABELS[name])
    if expression.count("(") != expression.count(")"):
        yield "parentheses"


EXPRESSIONS = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS += [
    target["expr"].replace("$__rate_interval", "5m") for panel in PANELS for target in panel["targets"]
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_names_only_what_exists(expression: str) -> None:
    assert list(faults_of(expression)) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("tabard_request_total", "no metric tabard_request_total"),
        ("rate(tabard_request_duration_seconds[5m])", "no metric tabard_request_duration_seconds"),
        ('tabard_requests_total{code="200"}', "no label code of tabard_requests_total"),
        ("sum by (process) (tabard_requests_total)", "no label process of tabard_requests_total"),
        ("tabard_requests_total{status}", "matchers that do not read: status"),
        ("sum(tabard_requests_total", "parentheses"),
    ],
)
def test_a_fault_in_an_expression_is_found(expression: str, fault: str) -> None:
    """The test above can fail."""
    assert fault in list(faults_of(expression))


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert [family.name for family in FAMILIES if family.name not in shown] == []


def test_legends_and_annotations_name_labels_of_the_result() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            (name, *_) = (word for word in re.findall(r"tabard_\w+", target["expr"]))
            known = set(re.split(r", ?", grouped[1])) if grouped else LABELS[name]
            assert labels <= known, target
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            written = " ".join(rule["annotations"].values())
            grouped = re.search(r"by \(([^)]*)\)", rule["expr"])
            name = re.findall(r"\b(?:tabard_\w+|up)\b", rule["expr"])[0]
            known = set(re.split(r", ?", grouped[1])) if grouped else LABELS[name]
            assert set(re.findall(r"\$labels\.(\w+)", written)) <= known, rule


def test_each_alert_has_a_name_of_its_own_a_severity_and_a_remedy() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert f"| `{rule['alert']}` |" in read("docs/health.md")


def test_values_of_labels_are_those_that_are_counted() -> None:
    outcomes = set(SessionOutcome.__args__)  # type: ignore[attr-defined]
    used = {value for each in EXPRESSIONS for value in re.findall(r'outcome="(\w+)"', each)}
    assert used
    assert used <= outcomes
    assert all(f"`{outcome}`" in INSTANCE_SESSIONS.meaning for outcome in outcomes)


def test_each_panel_says_what_it_shows_and_none_lies_on_another() -> None:
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
