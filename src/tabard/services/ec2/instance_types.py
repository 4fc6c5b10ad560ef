"""Instance types: AWS's own list."""

from functools import cache

from botocore.model import StringShape

from tabard.services.ec2.errors import InvalidParameterValue
from tabard.wire.service_model import service_model


def guard_instance_type(instance_type: str) -> None:
    """Insist on a type of AWS's, so that what is misspelt here does not first fail there.

    Raises:
        InvalidParameterValue.
    """
    if instance_type not in _instance_types():
        raise InvalidParameterValue(reason=f"Invalid value '{instance_type}' for InstanceType.")


@cache
def _instance_types() -> frozenset[str]:
    shape = service_model("ec2").shape_for("InstanceType")
    return frozenset(shape.enum) if isinstance(shape, StringShape) else frozenset()
