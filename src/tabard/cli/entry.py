"""The entry point of the `tabard` command. It imports nothing that takes time."""

import signal


def main() -> None:
    """Run the command line; Ctrl-C while Python still imports ends it without a traceback."""
    heeded = signal.getsignal(signal.SIGINT)
    if heeded is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tabard.cli.main import main as run_command_line

    signal.signal(signal.SIGINT, heeded)
    run_command_line()
