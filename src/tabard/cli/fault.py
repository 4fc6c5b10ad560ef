"""`tabard fault`: let something go wrong with an instance's metadata service or keys, on purpose."""

from datetime import timedelta
from typing import Annotated

import typer

from tabard.administration.hosts import set_instance_faults
from tabard.cli.acting import acting_client, call_failures
from tabard.cli.durations import span
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.model.messages import DesiredFaults, SetInstanceFaultsRequest

FAULT_STATUS = 500


def fault(
    context: typer.Context,
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="The id of a running instance.")],
    imds_delay: Annotated[
        str | None,
        typer.Option(help="Keep each answer of the metadata service back so long: 500ms, 2s; 0 ends it."),
    ] = None,
    imds_5xx: Annotated[
        bool, typer.Option("--imds-5xx", help="Answer every metadata request with status 500.")
    ] = False,
    imds_status: Annotated[
        int | None, typer.Option(min=500, max=599, help="The same with another status.")
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(help="Show this Code in place of keys, such as Failed; '' ends it."),
    ] = None,
    clock_skew: Annotated[
        str | None, typer.Option(help="Tell every time wrong by so much: 20m, -1h; 0 ends it.")
    ] = None,
    rotate_now: Annotated[
        bool, typer.Option("--rotate-now", help="Make new keys now; the old ones stay valid.")
    ] = False,
    expire_now: Annotated[
        bool, typer.Option("--expire-now", help="End the sessions that are out now, and make new keys.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="End every fault that is not named.")] = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Let something go wrong with one instance, to see how its application bears it.

    What is not named stays as it is. Faults end with --clear, and with the instance.
    """
    request = SetInstanceFaultsRequest(
        instance_id=instance,
        metadata_delay_milliseconds=_whole(imds_delay, timedelta(milliseconds=1)),
        metadata_status=imds_status or (FAULT_STATUS if imds_5xx else None),
        credentials_code=code,
        clock_skew_seconds=_whole(clock_skew, timedelta(seconds=1)),
        rotate_now=rotate_now,
        expire_now=expire_now,
        clear=clear,
    )
    if request == SetInstanceFaultsRequest(instance_id=instance):
        complain("say what is to go wrong, such as --rotate-now, or end it with --clear")
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    with call_failures(client):
        in_force = set_instance_faults(client, request)
    typer.echo(f"{instance}: {_shown(request, in_force)}")


def _whole(text: str | None, unit: timedelta) -> int | None:
    """A span in whole units; None where none was given."""
    return None if text is None else int(span(text) / unit)


def _shown(request: SetInstanceFaultsRequest, faults: DesiredFaults) -> str:
    """What has been done at once, and what is in force from now on."""
    parts = []
    if request.expire_now:
        parts.append("the sessions that were out have ended, new keys come within two seconds")
    elif request.rotate_now:
        parts.append("new keys come within two seconds, the former stay valid")
    if faults.metadata_delay_milliseconds:
        parts.append(f"answers {faults.metadata_delay_milliseconds} ms late")
    if faults.metadata_status:
        parts.append(f"answers with status {faults.metadata_status}")
    if faults.credentials_code:
        parts.append(f"shows {faults.credentials_code} in place of keys")
    if faults.clock_skew_seconds:
        parts.append(f"tells times {faults.clock_skew_seconds:+} s wrong")
    return ", ".join(parts) or "no fault is in force"
