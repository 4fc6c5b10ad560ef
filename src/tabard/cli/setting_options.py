"""The options of `tabard up`, made from the declarations of the settings."""

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from annotated_types import Ge, Le
from pydantic import BeforeValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from tabard.cli.running import complain
from tabard.durations import duration_text
from tabard.wiring.settings import ENVIRONMENT_PREFIX, DurationIn, OptionForm, Settings

_METAVARS: Mapping[object, str] = {int: "INTEGER", float: "NUMBER", Path: "PATH"}


def with_setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting that has one. It receives those that were given, by name."""
    parameters = [
        _parameter(name, field) for name, field in Settings.model_fields.items() if form_of(field).exists
    ]
    command.__annotations__ = {}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Make settings of options over variables over defaults.

    Exits with a sentence where they cannot work.
    Args: given: values by setting; None, or no value, where the option is not on the command line.
    """
    for name in os.environ:
        setting = name.removeprefix(ENVIRONMENT_PREFIX)
        if setting != name and setting.lower() not in Settings.model_fields:
            # Only said, for it may be another program's. Unsaid, a misspelt TABARD_LAUNCH_UID is not noticed.
            typer.echo(f"tabard: {name} is no setting of this version and is ignored", err=True)
    values: dict[str, Any] = {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value is not None
    }
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        complain(f"{where}: {said}" if where else said)


def form_of(field: FieldInfo) -> OptionForm:
    """Return the form of this setting's option of `tabard up`."""
    return next((each for each in field.metadata if isinstance(each, OptionForm)), OptionForm())


def bounds_text(field: FieldInfo) -> str:
    """Return the bounds of a number or of a duration; empty if it has none."""
    least = next((_text(field, each.ge) for each in field.metadata if isinstance(each, Ge)), "")
    most = next((_text(field, each.le) for each in field.metadata if isinstance(each, Le)), "")
    return f"{least} to {most}" if least and most else f"at least {least}" if least else ""


def default_text(field: FieldInfo) -> str:
    """Return the default, as an operator would write it; empty if there is none."""
    if field.default_factory is not None:
        return "$XDG_DATA_HOME/tabard, else ~/.local/share/tabard"
    default = field.default
    if isinstance(default, SecretStr) or default is None:
        return ""
    return ("true" if default else "false") if isinstance(default, bool) else _text(field, default)


def duration_of(field: FieldInfo) -> DurationIn | None:
    """Return the reader of a duration; None for other settings."""
    readers = (each.func for each in field.metadata if isinstance(each, BeforeValidator))
    return next((each for each in readers if isinstance(each, DurationIn)), None)


def kind_of(field: FieldInfo) -> object:
    """Return the type of a value, without the None of a setting that may be unset."""
    kind: Any = next(
        (each for each in get_args(field.annotation) if each is not type(None)), field.annotation
    )
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def described(field: FieldInfo) -> str:
    """Return the setting's meaning, as a sentence without its full stop."""
    text = field.description or ""
    return text[:1].upper() + text[1:]


def _text(field: FieldInfo, value: Any) -> str:  # noqa: ANN401 - whatever a bound or a default is
    duration = duration_of(field)
    return str(value) if duration is None else duration_text(value * duration.unit)


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    form = form_of(field)
    said: dict[str, Any] = {"help": _help(field), "show_default": default_text(field) or False}
    annotation: object = Annotated[bool | None, typer.Option(**said)]
    if kind_of(field) is not bool:
        spelled = f"--{name.replace('_', '-')}"
        short = spelled.rpartition("-")[0] if duration_of(field) is not None else ""
        option = typer.Option(
            *filter(None, (short, spelled)), metavar=form.metavar or _metavar(field), **said
        )
        # `Settings` parses every type, as it does for variables.
        annotation = Annotated[list[str] | None if form.repeated else str | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(field: FieldInfo) -> str:
    repeated = "may be given several times" if form_of(field).repeated else ""
    return f"{'; '.join(filter(None, (described(field), bounds_text(field), repeated)))}."


def _metavar(field: FieldInfo) -> str:
    if duration_of(field) is not None:
        return "DURATION"
    if get_origin(field.annotation) is Literal:
        return "|".join(get_args(field.annotation))
    return _METAVARS.get(kind_of(field), "TEXT")
