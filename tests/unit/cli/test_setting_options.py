"""The options of `tabard up` follow from the declarations of the settings."""

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tabard.cli.setting_options import form_of, settings_from
from tabard.wiring.settings import Settings

SECRETS = {"admin_access_key_id", "admin_secret_access_key"}


def test_each_setting_but_a_secret_has_an_option_and_no_option_is_anything_else() -> None:
    up = loaded(typer.main.get_command(app).commands["up"])  # type: ignore[attr-defined]
    options = {parameter.name: parameter for parameter in up.params if parameter.name != "help"}
    assert set(options) == set(Settings.model_fields) - SECRETS
    assert {name for name, field in Settings.model_fields.items() if not form_of(field).exists} == SECRETS
    assert all(parameter.default is None for parameter in options.values())  # the declaration has the default


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("session_lifetime_seconds", "6h", 21600),
        ("session_lifetime_seconds", "1200", 1200),
        ("rotate_every_seconds", "5m", 300),
        ("rotate_every_seconds", "2500ms", 2.5),
        ("rotate_every_seconds", "0", 0),
        ("store_outage_bound_seconds", "2h", 7200),
        ("upstream_timeout_seconds", "1m", 60),
        ("audit_kept_days", "48h", 2),
        ("audit_kept_days", "7d", 7),
    ],
)
def test_a_setting_that_is_a_time_takes_a_duration_by_option_and_by_variable(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, expected: float
) -> None:
    assert getattr(settings_from({setting: value}), setting) == expected
    monkeypatch.setenv(f"TABARD_{setting.upper()}", value)
    assert getattr(Settings(), setting) == expected


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("rotate_every_seconds", "5 minutes", "'5 minutes' is not a duration; write a whole number and ms"),
        ("rotate_every_seconds", "nan", "'nan' is not a duration"),
        ("rotate_every_seconds", "-5m", "'-5m' is not a duration"),
        ("rotate_every_seconds", "-5", "greater than or equal to 0"),
        ("session_lifetime_seconds", "19m", "greater than or equal to 1200"),
        ("audit_kept_days", "36h", "fractional part"),
    ],
)
def test_what_is_no_duration_or_beyond_its_bounds_is_refused(setting: str, value: str, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings(**{setting: value})


def test_an_option_wins_over_its_variable_and_several_values_become_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TABARD_PORT", "4000")
    settings = settings_from({"port": "4001", "edges": None, "allow_address": ["10.0.0.7:1", "10.0.0.8:2"]})
    assert (settings.port, settings.edges) == (4001, 1)
    assert [str(each) for each in settings.allowed_addresses] == ["10.0.0.7:1", "10.0.0.8:2"]


def test_help_shows_bounds_and_defaults_as_durations() -> None:
    text = " ".join(CliRunner().invoke(app, ["up", "--help"], env={"COLUMNS": "400"}).output.split())
    assert "--session-lifetime" in text
    assert "How long an instance's session lives; 20m to 12h. [default: (6h)]" in text
