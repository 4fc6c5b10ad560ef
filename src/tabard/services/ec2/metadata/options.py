"""The metadata options of an instance: those of a launch, and later changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Image, Instance, MetadataDefaults, MetadataOptions
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import Context, attribute_checks
from tabard.services.ec2.errors import (
    DryRunOperation,
    HttpTokensEnforced,
    IncorrectInstanceState,
    InvalidInstanceIDNotFound,
    InvalidParameterCombination,
    InvalidParameterValue,
)
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.instances.lifecycle import ENDING
from tabard.services.ec2.instances.view import metadata_options_view
from tabard.services.ec2.launch_request import MetadataOptionsRequest
from tabard.services.ec2.metadata.defaults import NO_PREFERENCES, metadata_defaults
from tabard.services.ec2.tag_specifications import guard_metadata_key
from tabard.services.operation import Facts, Operation, Output, Request, Write
from tabard.store.ports import Transaction

MAX_HOP_LIMIT = 64
_MODIFY = "ec2:ModifyInstanceMetadataOptions"


class ModifyInstanceMetadataOptionsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html"""

    instance_id: str
    http_tokens: str | None = None
    http_put_response_hop_limit: int | None = None
    http_endpoint: str | None = None
    http_protocol_ipv6: str | None = None
    instance_metadata_tags: str | None = None
    dry_run: bool = False


def metadata_options(
    asked: MetadataOptionsRequest, image: Image | None, defaults: MetadataDefaults = NO_PREFERENCES
) -> MetadataOptions:
    """Return the metadata options of a launch: the request's, else the account's, else its image's.

    Raises:
        InvalidParameterValue: not one of AWS's values, or a hop limit that is not 1 to 64.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html#instance-metadata-options-order-of-precedence
    """
    second_version = image is not None and image.imds_support == "v2.0"
    by_image = MetadataOptions(
        http_tokens="required" if second_version else "optional",
        http_put_response_hop_limit=2 if second_version else 1,
    )
    preferred = replace(
        by_image,
        http_tokens=defaults.http_tokens or by_image.http_tokens,
        http_endpoint=defaults.http_endpoint or by_image.http_endpoint,
        http_put_response_hop_limit=defaults.http_put_response_hop_limit
        or by_image.http_put_response_hop_limit,
        instance_metadata_tags=defaults.instance_metadata_tags or by_image.instance_metadata_tags,
    )
    return changed_options(preferred, asked)


def changed_options(
    options: MetadataOptions, asked: MetadataOptionsRequest | ModifyInstanceMetadataOptionsRequest
) -> MetadataOptions:
    """Return the options with the requested changes. Raises InvalidParameterValue."""
    return MetadataOptions(
        http_tokens=_tokens(asked.http_tokens, options.http_tokens),
        http_endpoint=_switch("HttpEndpoint", asked.http_endpoint, options.http_endpoint),
        http_put_response_hop_limit=_hop_limit(
            asked.http_put_response_hop_limit, options.http_put_response_hop_limit
        ),
        http_protocol_ipv6=_switch("HttpProtocolIpv6", asked.http_protocol_ipv6, options.http_protocol_ipv6),
        instance_metadata_tags=_switch(
            "InstanceMetadataTags", asked.instance_metadata_tags, options.instance_metadata_tags
        ),
    )


def guard_enforcement(options: MetadataOptions, defaults: MetadataDefaults) -> None:
    """Refuse optional metadata tokens if the account enforces them.

    Raises:
        HttpTokensEnforced (UnsupportedOperation, 400).
    AWS: "When enforcement is enabled, the instance can't launch unless IMDSv2 (HttpTokens) is set to
    required."
    """
    if defaults.http_tokens_enforced == "enabled" and options.http_tokens != "required":
        raise HttpTokensEnforced


def modify_instance_metadata_options_checks(
    request: ModifyInstanceMetadataOptionsRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:ModifyInstanceMetadataOptions on the instance.

    `ec2:Attribute` names one of the requested options; `ec2:Attribute/NAME` has their values. The keys of the
    metadata options themselves have the instance's present values.
    """
    asked = _asked_for(request)
    values: Context = {f"ec2:attribute/{name.lower()}": (value,) for name, value in asked.items()}
    return attribute_checks(_MODIFY, request.instance_id, facts, asked, values)


def modify_instance_metadata_options(
    permit: Permit, request: ModifyInstanceMetadataOptionsRequest, tx: Transaction
) -> Output:
    """Change the metadata options of an instance; its host applies them at once.

    Returns:
        The new options, `pending`; DescribeInstances shows them as `applied`.
    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterValue (a value that is none
        of AWS's, or tags that cannot be shown), InvalidParameterCombination (nothing to change),
        IncorrectInstanceState (it has ended), UnsupportedOperation (the account enforces tokens) (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html
    """
    if request.dry_run:
        raise DryRunOperation
    guard_instance_id(request.instance_id)
    if not _asked_for(request):
        raise InvalidParameterCombination(reason="Give at least one metadata option to change.")
    permit.require(_MODIFY, ec2_arn(permit, f"instance/{request.instance_id}"))
    instance = tx.instances.get(request.instance_id)
    if instance is None or instance.region != permit.region:
        raise InvalidInstanceIDNotFound.among([request.instance_id])
    if instance.state in ENDING:
        raise IncorrectInstanceState(instance_id=instance.instance_id)
    options = changed_options(instance.metadata_options, request)
    guard_enforcement(options, metadata_defaults(tx.installation.get, permit.region))
    _guard_tags_can_be_shown(instance, options)
    tx.instances.update(replace(instance, metadata_options=options))
    return {
        "InstanceId": instance.instance_id,
        "InstanceMetadataOptions": {**metadata_options_view(options), "State": "pending"},
    }


def _guard_tags_can_be_shown(instance: Instance, options: MetadataOptions) -> None:
    if options.instance_metadata_tags == "enabled":
        for tag in instance.tags:
            guard_metadata_key(tag.key)


def _asked_for(request: ModifyInstanceMetadataOptionsRequest) -> Mapping[str, str]:
    """Return the requested options, by AWS's names."""
    asked = {
        "HttpTokens": request.http_tokens,
        "HttpPutResponseHopLimit": request.http_put_response_hop_limit,
        "HttpEndpoint": request.http_endpoint,
        "HttpProtocolIpv6": request.http_protocol_ipv6,
        "InstanceMetadataTags": request.instance_metadata_tags,
    }
    return {name: str(value) for name, value in asked.items() if value not in (None, "")}


def _tokens(asked: str | None, default: Literal["optional", "required"]) -> Literal["optional", "required"]:
    match asked:
        case None | "":
            return default
        case "optional" | "required":
            return asked
        case _:
            raise _invalid("HttpTokens", asked, "It is optional or required.")


def _switch(
    parameter: str, asked: str | None, default: Literal["enabled", "disabled"]
) -> Literal["enabled", "disabled"]:
    match asked:
        case None | "":
            return default
        case "enabled" | "disabled":
            return asked
        case _:
            raise _invalid(parameter, asked, "It is enabled or disabled.")


def _hop_limit(asked: int | None, default: int) -> int:
    if asked is None:
        return default
    if not 1 <= asked <= MAX_HOP_LIMIT:
        raise _invalid(
            "HttpPutResponseHopLimit", asked, f"A hop limit is a number from 1 to {MAX_HOP_LIMIT}."
        )
    return asked


def _invalid(parameter: str, value: object, rule: str) -> InvalidParameterValue:
    return InvalidParameterValue(reason=f"Value ({value}) for parameter {parameter} is invalid. {rule}")


OPERATIONS: tuple[Operation, ...] = (
    Write(
        ModifyInstanceMetadataOptionsRequest,
        modify_instance_metadata_options_checks,
        modify_instance_metadata_options,
    ),
)
