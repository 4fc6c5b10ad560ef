"""EC2's errors. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""

from collections.abc import Sequence

from tabard.errors import AwsError


class InvalidInstanceIDNotFound(AwsError):
    """No such instance in this account and region."""

    code = "InvalidInstanceID.NotFound"
    status = 400
    sentence = "The instance {subject} not exist"

    @classmethod
    def among(cls, instance_ids: Sequence[str]) -> "InvalidInstanceIDNotFound":
        """Return the error for one or several missing ids, in AWS's grammar."""
        listed = ", ".join(instance_ids)
        return cls(subject=f"IDs '{listed}' do" if len(instance_ids) > 1 else f"ID '{listed}' does")


class InvalidInstanceIDMalformed(AwsError):
    """The text is not an instance id."""

    code = "InvalidInstanceID.Malformed"
    status = 400
    sentence = 'Invalid id: "{instance_id}" (expecting "i-...")'


class InvalidID(AwsError):
    """The text is not an id of any resource."""

    code = "InvalidID"
    status = 400
    sentence = "The ID '{resource_id}' is not valid"


class InvalidAMIIDNotFound(AwsError):
    """No such image."""

    code = "InvalidAMIID.NotFound"
    status = 400
    sentence = "The image id{plural} '[{image_ids}]' do{es} not exist"

    @classmethod
    def among(cls, image_ids: Sequence[str]) -> "InvalidAMIIDNotFound":
        """Return the error for one or several missing ids, in AWS's grammar."""
        several = len(image_ids) > 1
        return cls(image_ids=", ".join(image_ids), plural="s" if several else "", es="" if several else "es")


class InvalidAMIIDMalformed(AwsError):
    """The text is not an image id."""

    code = "InvalidAMIID.Malformed"
    status = 400
    sentence = 'Invalid id: "{image_id}" (expecting "ami-...")'


class InvalidAssociationIDNotFound(AwsError):
    """No such association of an instance profile, or it has ended."""

    code = "InvalidAssociationID.NotFound"
    status = 400
    sentence = "An invalid association-id of '{association_id}' was given"


class InvalidHostIdNotFound(AwsError):
    """No such host in this region."""

    code = "InvalidHostId.NotFound"
    status = 400
    sentence = "The host ID '{host_id}' does not exist in {region}."


class InvalidKeyPairNotFound(AwsError):
    """No such key pair in this region."""

    code = "InvalidKeyPair.NotFound"
    status = 400
    sentence = "The key pair {key_pair} does not exist"

    @classmethod
    def of_name(cls, name: str) -> "InvalidKeyPairNotFound":
        """Return the error for a name, in AWS's words."""
        return cls(key_pair=f"'{name}'")

    @classmethod
    def of_id(cls, key_pair_id: str) -> "InvalidKeyPairNotFound":
        """Return the error for an id, in AWS's words."""
        return cls(key_pair=f"ID '{key_pair_id}'")


class InvalidKeyPairDuplicate(AwsError):
    """The region has a key pair with this name already."""

    code = "InvalidKeyPair.Duplicate"
    status = 400
    sentence = "The keypair already exists: '{key_name}'"


class InvalidKeyFormat(AwsError):
    """The imported text is not a public key of a supported kind."""

    code = "InvalidKey.Format"
    status = 400
    sentence = "{reason}"


class InvalidSubnetIDNotFound(AwsError):
    """No such subnet: only the default one exists."""

    code = "InvalidSubnetID.NotFound"
    status = 400
    sentence = "The subnet ID '{subnet_id}' does not exist"


class InvalidVpcIDNotFound(AwsError):
    """No such VPC: only the default one exists."""

    code = "InvalidVpcID.NotFound"
    status = 400
    sentence = "The vpc ID '{vpc_id}' does not exist"


class InvalidNetworkInterfaceIDNotFound(AwsError):
    """No such network interface: each instance has one until it is terminated."""

    code = "InvalidNetworkInterfaceID.NotFound"
    status = 400
    sentence = "The networkInterface ID '{network_interface_id}' does not exist"


class InvalidVolumeNotFound(AwsError):
    """No such volume: there are none."""

    code = "InvalidVolume.NotFound"
    status = 400
    sentence = "The volume '{volume_id}' does not exist."


class InvalidInstanceType(AwsError):
    """Not a type of AWS's."""

    code = "InvalidInstanceType"
    status = 400
    sentence = "The following supplied instance types do not exist: [{instance_types}]"


class InvalidGroupNotFound(AwsError):
    """No such security group: only the default one exists."""

    code = "InvalidGroup.NotFound"
    status = 400
    sentence = "The security group '{group}' does not exist"


class InvalidParameterValue(AwsError):
    """A parameter's value is not valid, unsupported or cannot be used."""

    code = "InvalidParameterValue"
    status = 400
    sentence = "{reason}"


class InvalidParameterCombination(AwsError):
    """Parameters that cannot be combined."""

    code = "InvalidParameterCombination"
    status = 400
    sentence = "{reason}"


class MissingParameter(AwsError):
    """A required parameter is missing."""

    code = "MissingParameter"
    status = 400
    sentence = "The request must contain the parameter {parameter}"


class UnsupportedOperation(AwsError):
    """A parameter that Tabard does not support is refused, because ignoring it would mislead."""

    code = "UnsupportedOperation"
    status = 400
    not_offered = True
    sentence = "The parameter {parameter} is not supported here: {reason}."


class HttpTokensEnforced(AwsError):
    """The account enforces metadata tokens (IMDSv2) for every instance of the region."""

    code = "UnsupportedOperation"
    status = 400
    sentence = (
        "HttpTokens must be required: the account enforces it by HttpTokensEnforced in its instance metadata "
        "defaults for this region."
    )


class LaunchRefused(AwsError):
    """This installation launches no instances, because they would run as the server's own user."""

    code = "UnsupportedOperation"
    status = 400
    sentence = "This installation launches no instances: {reason}."


class InvalidNextToken(AwsError):
    """A NextToken that no earlier answer contained."""

    code = "InvalidNextToken"
    status = 400
    sentence = "The specified NextToken is not valid. Use the token of the previous answer, unchanged."


class FilterLimitExceeded(AwsError):
    """More filter values than one request may have."""

    code = "FilterLimitExceeded"
    status = 400
    sentence = "The maximum number of filter values specified on a single call is {limit}"


class TagLimitExceeded(AwsError):
    """More tags than one resource may have."""

    code = "TagLimitExceeded"
    status = 400
    sentence = "The maximum number of tags for a resource is {limit}."


class InstanceLimitExceeded(AwsError):
    """More instances than one request may launch."""

    code = "InstanceLimitExceeded"
    status = 400
    sentence = "You have requested {requested} instances; one request may launch {limit} at most."


class InsufficientFreeAddressesInSubnet(AwsError):
    """The default subnet has no private address left."""

    code = "InsufficientFreeAddressesInSubnet"
    status = 400
    sentence = (
        "There are not enough free addresses in subnet '{subnet_id}' to satisfy the requested number of "
        "instances."
    )


class InsufficientInstanceCapacity(AwsError):
    """No host can run the instance."""

    code = "InsufficientInstanceCapacity"
    status = 500
    fault = "Receiver"
    sentence = "{reason}"


class IdempotentParameterMismatch(AwsError):
    """A client token was used before, with other parameters."""

    code = "IdempotentParameterMismatch"
    status = 400
    sentence = (
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
    )


class IncorrectInstanceState(AwsError):
    """The operation is not possible in the instance's state."""

    code = "IncorrectInstanceState"
    status = 400
    sentence = "The instance '{instance_id}' is not in the 'running' or 'stopped' states."


class NotInAStateFrom(AwsError):
    """The instance is not in a state from which it can be started or stopped."""

    code = "IncorrectInstanceState"
    status = 400
    sentence = "The instance '{instance_id}' is not in a state from which it can be {wanted}."


class NotStopped(AwsError):
    """The attribute can change only while the instance is stopped."""

    code = "IncorrectInstanceState"
    status = 400
    sentence = "The instance '{instance_id}' is not in the 'stopped' state."


class TerminationProtected(AwsError):
    """The instance is protected from termination through the API."""

    code = "OperationNotPermitted"
    status = 400
    sentence = (
        "The instance '{instance_id}' may not be terminated. Modify its 'disableApiTermination' instance "
        "attribute and try again."
    )


class StopProtected(AwsError):
    """The instance is protected from being stopped through the API, and so from termination too."""

    code = "OperationNotPermitted"
    status = 400
    sentence = (
        "The instance '{instance_id}' may not be {what}. Modify its 'disableApiStop' instance attribute and "
        "try again."
    )


class UnsupportedHibernationConfiguration(AwsError):
    """The request asks for hibernation, which no instance supports."""

    code = "UnsupportedHibernationConfiguration"
    status = 400
    sentence = "The instance '{instance_id}' has not been configured for hibernation."


class IncorrectState(AwsError):
    """The operation is not possible in the resource's state."""

    code = "IncorrectState"
    status = 400
    sentence = "{reason}"


class DryRunOperation(AwsError):
    """The caller has permission; nothing was changed, because of DryRun."""

    code = "DryRunOperation"
    status = 412
    sentence = "Request would have succeeded, but DryRun flag is set."
