"""`tabard fault`: inject faults into an instance's metadata service or keys."""

from datetime import timedelta
from typing import Annotated

import typer

from tabard.administration.hosts import set_instance_faults
from tabard.cli.acting import acting_client, call_failures
from tabard.cli.durations import duration
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.model.messages import DesiredFaults, SetInstanceFaultsRequest

FAULT_STATUS = 500


def fault(
    context: typer.Context,
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="The id of a running instance.")],
    imds_delay: Annotated[
        str | None,
        typer.Option(
            help="Delay each answer of the metadata service, for example by 500ms or 2s. 0 ends the fault."
        ),
    ] = None,
    imds_5xx: Annotated[
        bool, typer.Option("--imds-5xx", help="Answer every metadata request with status 500.")
    ] = False,
    imds_status: Annotated[
        int | None, typer.Option(min=500, max=599, help="Answer every metadata request with this status.")
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(help="Serve this Code instead of credentials, such as Failed. '' ends the fault."),
    ] = None,
    clock_skew: Annotated[
        str | None,
        typer.Option(help="Shift every time in the metadata, for example by 20m or -1h. 0 ends the fault."),
    ] = None,
    rotate_now: Annotated[
        bool, typer.Option("--rotate-now", help="Replace the session now. The old keys stay valid.")
    ] = False,
    expire_now: Annotated[
        bool, typer.Option("--expire-now", help="Revoke the instance's sessions now, and create a new one.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="End every fault that no other option names.")
    ] = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Inject faults into one instance.

    Use it to test how the instance's application handles them. Faults that you do not name stay as they are.
    Faults end with --clear and with the instance.
    """
    request = SetInstanceFaultsRequest(
        instance_id=instance,
        metadata_delay_milliseconds=_whole("--imds-delay", imds_delay, timedelta(milliseconds=1)),
        metadata_status=imds_status or (FAULT_STATUS if imds_5xx else None),
        credentials_code=code,
        clock_skew_seconds=_whole("--clock-skew", clock_skew, timedelta(seconds=1)),
        rotate_now=rotate_now,
        expire_now=expire_now,
        clear=clear,
    )
    if request == SetInstanceFaultsRequest(instance_id=instance):
        complain("name a fault, such as --rotate-now, or end all faults with --clear")
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    with call_failures(client):
        in_force = set_instance_faults(client, request)
    typer.echo(f"{instance}: {_shown(request, in_force)}")


def _whole(option: str, text: str | None, unit: timedelta) -> int | None:
    """Return a span in whole units; None if none was given."""
    return None if text is None else int(duration(text, option=option, signed=True) / unit)


def _shown(request: SetInstanceFaultsRequest, faults: DesiredFaults) -> str:
    """Describe what was done at once, and which faults are active."""
    parts = []
    if request.expire_now:
        parts.append("the old sessions are revoked, new keys come within two seconds")
    elif request.rotate_now:
        parts.append("new keys come within two seconds, the old keys stay valid")
    if faults.metadata_delay_milliseconds:
        parts.append(f"answers come {faults.metadata_delay_milliseconds} ms late")
    if faults.metadata_status:
        parts.append(f"every answer has status {faults.metadata_status}")
    if faults.credentials_code:
        parts.append(f"code {faults.credentials_code} instead of credentials")
    if faults.clock_skew_seconds:
        parts.append(f"times are shifted by {faults.clock_skew_seconds:+} s")
    return ", ".join(parts) or "no fault is active"
