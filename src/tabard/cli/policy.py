"""`tabard policy`: policy documents, before they are attached to anything."""

import typer

from tabard.cli.lazy_commands import LazyCommand, LazyGroup

_COMMANDS = (
    LazyCommand(
        "check",
        "tabard.cli.policy_check:check",
        "Check policy documents: what AWS refuses is an error, what can never match a warning.",
    ),
    LazyCommand(
        "simulate",
        "tabard.cli.policy_simulate:simulate",
        "Decide requests by policies from files, or by those of a role or user of the system, and say why.",
    ),
)


class _Policy(LazyGroup):
    LISTED = _COMMANDS


policy = typer.Typer(name="policy", cls=_Policy, no_args_is_help=True, add_completion=False)


@policy.callback()
def _policy() -> None:
    """Policy documents, before they are attached to anything."""
