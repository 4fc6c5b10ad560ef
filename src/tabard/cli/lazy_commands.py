"""Commands that are imported only when they run or print their own help, and the help of groups.

`tabard env` in a shell's start-up must not wait for the modules that `tabard up` needs.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

_NO_SETTINGS: Mapping[str, object] = MappingProxyType({})


class LazyCommand(TyperCommand):
    """A command, or a group of commands, in a module that is imported later."""

    def __init__(
        self, name: str, place: str, sentence: str, *, settings: Mapping[str, object] = _NO_SETTINGS
    ) -> None:
        """Take `place` as `module:function` or `module:typer_app`, and `settings` for its context."""
        super().__init__(name, help=sentence)
        self._place = place
        self._settings = settings

    def load(self) -> Any:  # noqa: ANN401 - a command of typer's, which has no public type
        """Import the command itself, with its parameters and its whole help."""
        module, _, attribute = self._place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        alone.command(self.name, context_settings=dict(self._settings))(found)
        return typer.main.get_command(alone)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401 - the same
        **extra: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        """Let the command itself read the arguments after its name."""
        return self.load().make_context(info_name, args, parent, **extra)


class PlainGroup(TyperGroup):
    """A group whose help lists its commands with whole sentences, however narrow the terminal is."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own
        """Write a line, or several, for each command."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, (each.help or "").partition("\n")[0]) for name, each in commands.items() if each]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class LazyGroup(PlainGroup):
    """A group whose commands are listed by name and sentence, and imported when they run."""

    LISTED: ClassVar[tuple[LazyCommand, ...]] = ()

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**attributes)
        self.commands = {str(command.name): command for command in self.LISTED}


def loaded(command: Any) -> Any:  # noqa: ANN401 - the same
    """Return the command itself for its listing."""
    return command.load() if isinstance(command, LazyCommand) else command
