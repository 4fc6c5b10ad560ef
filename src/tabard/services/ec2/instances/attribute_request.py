"""The request of ModifyInstanceAttribute: each attribute by its own member, or by its name and value."""

from collections.abc import Mapping

from tabard.services.ec2.errors import InvalidParameterValue
from tabard.services.ec2.launch_request import MAX_USER_DATA_BYTES, decoded_user_data
from tabard.services.operation import Request

_BY_NAME = {
    "instanceType": "InstanceType",
    "kernel": "Kernel",
    "ramdisk": "Ramdisk",
    "userData": "UserData",
    "disableApiTermination": "DisableApiTermination",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "sourceDestCheck": "SourceDestCheck",
    "ebsOptimized": "EbsOptimized",
    "sriovNetSupport": "SriovNetSupport",
    "enaSupport": "EnaSupport",
    "disableApiStop": "DisableApiStop",
}
_SWITCHES = frozenset(
    ("DisableApiTermination", "SourceDestCheck", "EbsOptimized", "EnaSupport", "DisableApiStop")
)


class TextValue(Request, frozen=True, kw_only=True):
    """A text inside a structure, EC2's form."""

    value: str | None = None


class SwitchValue(Request, frozen=True, kw_only=True):
    """A boolean inside a structure."""

    value: bool | None = None


class BytesValue(Request, frozen=True, kw_only=True):
    """User data; the wire has decoded its base64."""

    value: bytes | None = None


class EnclaveSwitch(Request, frozen=True, kw_only=True):
    """Whether the instance has an enclave."""

    enabled: bool | None = None


class ModifyInstanceAttributeRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html"""

    instance_id: str
    attribute: str | None = None
    value: str | None = None
    user_data: BytesValue | None = None
    instance_type: TextValue | None = None
    instance_initiated_shutdown_behavior: TextValue | None = None
    kernel: TextValue | None = None
    ramdisk: TextValue | None = None
    sriov_net_support: TextValue | None = None
    source_dest_check: SwitchValue | None = None
    disable_api_stop: SwitchValue | None = None
    disable_api_termination: SwitchValue | None = None
    ebs_optimized: SwitchValue | None = None
    ena_support: SwitchValue | None = None
    enclave_options: EnclaveSwitch | None = None
    groups: tuple[str, ...] = ()
    block_device_mappings: object = None
    dry_run: bool = False

    def __repr__(self) -> str:
        return f"ModifyInstanceAttributeRequest({self.instance_id!r})"


def asked_attributes(request: ModifyInstanceAttributeRequest) -> Mapping[str, object]:
    """Return the requested attributes by member name, with their new values.

    Raises:
        InvalidParameterValue: an unknown attribute or an invalid value.
    """
    asked: dict[str, object] = {}
    for field, name in zip(request.__struct_fields__, request.__struct_encode_fields__, strict=True):
        member = getattr(request, field)
        if isinstance(member, (TextValue, SwitchValue, BytesValue)) and member.value is not None:
            asked[name] = member.value
        elif isinstance(member, EnclaveSwitch) and member.enabled is not None:
            asked[name] = member.enabled
    if request.groups:
        asked["Groups"] = request.groups
    if request.block_device_mappings:
        asked["BlockDeviceMappings"] = request.block_device_mappings
    if request.attribute is not None:
        asked |= _named(request.attribute, request.value or "")
    return asked


def new_user_data(value: object) -> bytes:
    """Return the requested user data: bytes, or decoded base64 for a named attribute's value.

    Raises:
        InvalidParameterValue: not base64, or over 16,384 bytes.
    """
    user_data = value if isinstance(value, bytes) else decoded_user_data(str(value))
    if len(user_data) > MAX_USER_DATA_BYTES:
        raise InvalidParameterValue(reason=f"User data is limited to {MAX_USER_DATA_BYTES} bytes")
    return user_data


def _named(attribute: str, value: str) -> Mapping[str, object]:
    name = _BY_NAME.get(attribute)
    if name is None:
        raise InvalidParameterValue(
            reason=f"Value ({attribute}) for parameter attribute is invalid. "
            f"It is one of {', '.join(_BY_NAME)}."
        )
    if name not in _SWITCHES:
        return {name: value}
    if value not in ("true", "false"):
        raise InvalidParameterValue(
            reason=f"Value ({value}) for parameter value is invalid. It is true or false."
        )
    return {name: value == "true"}
