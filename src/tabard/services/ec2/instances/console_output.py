"""The console output of an instance."""

import base64
from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.services.ec2.context import instance_check
from tabard.services.ec2.errors import DryRunOperation
from tabard.services.ec2.instances.instance_lookup import looked_up_instance
from tabard.services.operation import Facts, Operation, Output, Request, StoreRead
from tabard.store.ports import Transaction

_ACTION = "ec2:GetConsoleOutput"


class GetConsoleOutputRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html"""

    instance_id: str
    latest: bool = False
    dry_run: bool = False


def get_console_output_checks(request: GetConsoleOutputRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:GetConsoleOutput on the instance."""
    return [instance_check(_ACTION, request.instance_id, facts)]


def get_console_output(permit: Permit, request: GetConsoleOutputRequest, tx: Transaction) -> Output:
    """Return the end of an instance's console output, at most 64 KiB, in base64.

    Returns:
        The output and the time of its host's report; neither if there is none.
    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
    Differs: the host sends it within seconds, and before the instance's end, so that Latest changes nothing.
        A command under `tabard run` writes to its own terminal.
    """
    if request.dry_run:
        raise DryRunOperation
    instance = looked_up_instance(permit, _ACTION, request.instance_id, tx)
    told = tx.console_outputs.get(instance.instance_id)
    if told is None:
        return {"InstanceId": instance.instance_id}
    return {
        "InstanceId": instance.instance_id,
        "Timestamp": told.reported_at,
        "Output": base64.b64encode(told.output).decode("ascii"),
    }


OPERATIONS: tuple[Operation, ...] = (
    StoreRead(GetConsoleOutputRequest, get_console_output_checks, get_console_output),
)
