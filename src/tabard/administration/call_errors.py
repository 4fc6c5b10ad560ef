"""The errors that a client of a system raises."""


class ClientUnusable(Exception):
    """The client cannot ask: no credentials, no endpoint, or AWS's own; the message is for the user."""


class CallFailed(Exception):
    """A call did not bring its answer. `code` is AWS's error code, or `Unreachable`."""

    def __init__(self, *, operation: str, code: str, message: str, status: int = 0) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status
