"""The metadata options that a launch gets."""

from typing import Literal

from tabard.model.instance import Image, MetadataOptions
from tabard.services.ec2.errors import InvalidParameterValue
from tabard.services.ec2.launch_request import MetadataOptionsRequest

MAX_HOP_LIMIT = 64


def metadata_options(asked: MetadataOptionsRequest, image: Image | None) -> MetadataOptions:
    """The metadata options a launch gets: the request's, else what its image makes the default.

    Raises:
        InvalidParameterValue: a value that is none of AWS's, or a hop limit that is not 1 to 64.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html#instance-metadata-options-order-of-precedence
    """
    second_version = image is not None and image.imds_support == "v2.0"
    return MetadataOptions(
        http_tokens=_tokens(asked.http_tokens, "required" if second_version else "optional"),
        http_endpoint=_switch("HttpEndpoint", asked.http_endpoint, "enabled"),
        http_put_response_hop_limit=_hop_limit(asked.http_put_response_hop_limit, 2 if second_version else 1),
        http_protocol_ipv6=_switch("HttpProtocolIpv6", asked.http_protocol_ipv6, "disabled"),
        instance_metadata_tags=_switch("InstanceMetadataTags", asked.instance_metadata_tags, "disabled"),
    )


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
