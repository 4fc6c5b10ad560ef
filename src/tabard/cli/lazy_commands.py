"""Commands that are listed by name and sentence, and imported only when they are run or asked for their help.

`tabard env` in a shell's start-up shall not wait for what `tabard up` needs.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

_NO_SETTINGS: Mapping[str, object] = MappingProxyType({})


class LazyCommand(TyperCommand):
    """A command, or a group of them, that is somewhere else."""

    def __init__(
        self, name: str, place: str, sentence: str, *, settings: Mapping[str, object] = _NO_SETTINGS
    ) -> None:
        """Take `place` as `module:function` or `module:typer_app`, and `settings` for its context."""
        super().__init__(name, help=sentence)
        self._place = place
        self._settings = settings

    def load(self) -> Any:  # noqa: ANN401 - a command of typer's, which has no public type
        """Import it: the command itself, with its parameters and the whole of its help."""
        module, _, attribute = self._place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(self.name, context_settings=dict(self._settings))(found)
        return typer.main.get_command(alone)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401 - the same
        **extra: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        """Leave to the command itself whatever follows its name."""
        return self.load().make_context(info_name, args, parent, **extra)


class LazyGroup(TyperGroup):
    """A group whose commands are listed."""

    LISTED: ClassVar[tuple[LazyCommand, ...]] = ()

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**attributes)
        self.commands = {str(command.name): command for command in self.LISTED}


def loaded(command: Any) -> Any:  # noqa: ANN401 - the same
    """The command itself, where only its listing is at hand."""
    return command.load() if isinstance(command, LazyCommand) else command
