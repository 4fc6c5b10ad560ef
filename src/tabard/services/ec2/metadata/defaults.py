"""An account's defaults for the metadata options of new launches, by region."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import MetadataDefaults
from tabard.services.ec2.context import on_everything, region_context
from tabard.services.ec2.errors import (
    DryRunOperation,
    InvalidParameterCombination,
    InvalidParameterValue,
)
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

NO_PREFERENCES = MetadataDefaults()
NO_PREFERENCE = "no-preference"
NO_HOP_LIMIT = -1

_VALUES = {
    "http_tokens": ("optional", "required"),
    "http_endpoint": ("enabled", "disabled"),
    "instance_metadata_tags": ("enabled", "disabled"),
    "http_tokens_enforced": ("enabled", "disabled"),
}


class GetInstanceMetadataDefaultsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetInstanceMetadataDefaults.html"""

    dry_run: bool = False


class ModifyInstanceMetadataDefaultsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataDefaults.html"""

    http_tokens: str | None = None
    http_put_response_hop_limit: int | None = None
    http_endpoint: str | None = None
    instance_metadata_tags: str | None = None
    http_tokens_enforced: str | None = None
    dry_run: bool = False


def metadata_defaults(setting: Callable[[str], str | None], region: str) -> MetadataDefaults:
    """Return the defaults of a region; `setting` reads an installation setting by name."""
    written = setting(_setting_name(region))
    return msgspec.json.decode(written, type=MetadataDefaults) if written else NO_PREFERENCES


def get_instance_metadata_defaults(
    permit: Permit, request: GetInstanceMetadataDefaultsRequest, snapshot: Snapshot
) -> Output:
    """Return the account's defaults for the metadata options of new launches in the region.

    Returns:
        The defaults that are set; the others are omitted.
    Raises:
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetInstanceMetadataDefaults.html
    """
    if request.dry_run:
        raise DryRunOperation
    defaults = metadata_defaults(snapshot.installation.get, permit.region)
    told = {
        "HttpTokens": defaults.http_tokens,
        "HttpPutResponseHopLimit": defaults.http_put_response_hop_limit,
        "HttpEndpoint": defaults.http_endpoint,
        "InstanceMetadataTags": defaults.instance_metadata_tags,
        "HttpTokensEnforced": defaults.http_tokens_enforced,
    }
    return {
        "AccountLevel": {
            "ManagedBy": "account",
            **{name: value for name, value in told.items() if value is not None},
        }
    }


def modify_instance_metadata_defaults_checks(
    request: ModifyInstanceMetadataDefaultsRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:ModifyInstanceMetadataDefaults on `*`; `ec2:Attribute/NAME` has each requested value."""
    asked = {
        name.lower(): (str(value),)
        for name, value in _asked_for(request, request.__struct_encode_fields__).items()
    }
    context = region_context(facts) | {f"ec2:attribute/{name}": value for name, value in asked.items()}
    return [Check(action="ec2:ModifyInstanceMetadataDefaults", resource="*", context=context)]


def modify_instance_metadata_defaults(
    permit: Permit, request: ModifyInstanceMetadataDefaultsRequest, tx: Transaction
) -> Output:
    """Change the account's defaults for the metadata options of new launches in the region.

    Args:
        request: `no-preference`, and a hop limit of -1, remove a default.
    Raises:
        InvalidParameterValue, InvalidParameterCombination (nothing to change, or tokens that are enforced and
        optional at once) (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataDefaults.html
    """
    if request.dry_run:
        raise DryRunOperation
    permit.require("ec2:ModifyInstanceMetadataDefaults", "*")
    asked = _asked_for(request, request.__struct_fields__)
    if not asked:
        raise InvalidParameterCombination(reason="Give at least one metadata option to change.")
    changes: dict[str, Any] = {name: _preference(name, value) for name, value in asked.items()}
    defaults = replace(metadata_defaults(tx.installation.get, permit.region), **changes)
    if defaults.http_tokens_enforced == "enabled" and defaults.http_tokens == "optional":
        raise InvalidParameterCombination(
            reason="HttpTokensEnforced cannot be enabled while the default of HttpTokens is optional."
        )
    tx.installation.put(_setting_name(permit.region), msgspec.json.encode(defaults).decode())
    return {"Return": True}


def _setting_name(region: str) -> str:
    return f"instance_metadata_defaults/{region}"


def _asked_for(request: ModifyInstanceMetadataDefaultsRequest, names: Sequence[str]) -> dict[str, str | int]:
    """Return the request's values of these members, in their order."""
    values = (getattr(request, member) for member in request.__struct_fields__)
    return {
        name: value
        for name, value in zip(names, values, strict=True)
        if value not in (None, "") and not isinstance(value, bool)
    }


def _preference(name: str, asked: str | int) -> str | int | None:
    if isinstance(asked, int):
        if asked == NO_HOP_LIMIT:
            return None
        if not 1 <= asked <= 64:
            raise InvalidParameterValue(
                reason=f"Value ({asked}) for parameter HttpPutResponseHopLimit is invalid. "
                "A hop limit is a number from 1 to 64, or -1 for no preference."
            )
        return asked
    if asked == NO_PREFERENCE:
        return None
    if asked not in _VALUES[name]:
        raise InvalidParameterValue(
            reason=f"Value ({asked}) for parameter {''.join(part.title() for part in name.split('_'))} is "
            f"invalid. It is {' or '.join(_VALUES[name])}, or {NO_PREFERENCE}."
        )
    return asked


OPERATIONS: tuple[Operation, ...] = (
    Read(
        GetInstanceMetadataDefaultsRequest,
        on_everything("ec2:GetInstanceMetadataDefaults"),
        get_instance_metadata_defaults,
    ),
    Write(
        ModifyInstanceMetadataDefaultsRequest,
        modify_instance_metadata_defaults_checks,
        modify_instance_metadata_defaults,
    ),
)
