"""Console output that a host sends for the instances placed on it."""

from tabard.access.authorize import Permit
from tabard.model.console_output import MAX_CONSOLE_BYTES, ConsoleOutput
from tabard.model.messages import PutConsoleOutputRequest
from tabard.services.hosts.checks import put_console_output_checks
from tabard.services.hosts.own_instances import own_instance
from tabard.services.operation import Operation, Output, Write
from tabard.store.ports import Transaction


def put_console_output(permit: Permit, request: PutConsoleOutputRequest, tx: Transaction) -> Output:
    """Store an instance's console output: at most its last 64 KiB.

    Raises:
        AccessDenied: the caller is not the host of the instance, whatever its policies allow.
    Differs: EC2 has no such operation.
    """
    instance = own_instance(permit, "hosts:PutConsoleOutput", request.instance_id, tx.instances)
    tx.console_outputs.put(
        ConsoleOutput(
            instance_id=instance.instance_id,
            output=request.output[-MAX_CONSOLE_BYTES:],
            reported_at=permit.now,
        )
    )
    return {}


OPERATIONS: tuple[Operation, ...] = (
    Write(PutConsoleOutputRequest, put_console_output_checks, put_console_output),
)
