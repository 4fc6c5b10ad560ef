"""`tabard policy`: check and simulate policy documents."""

import typer

from tabard.cli.lazy_commands import LazyCommand, LazyGroup

_COMMANDS = (
    LazyCommand(
        "check",
        "tabard.cli.policy_check:check",
        "Check policy documents. AWS refuses errors; a warning marks an element that can never match.",
    ),
    LazyCommand(
        "simulate",
        "tabard.cli.policy_simulate:simulate",
        "Decide requests by policies from files, or by the policies of a role or user, and show the reasons.",
    ),
)


class _Policy(LazyGroup):
    LISTED = _COMMANDS


policy = typer.Typer(
    name="policy", cls=_Policy, no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@policy.callback()
def _policy() -> None:
    """Check and simulate policy documents before you attach them."""
