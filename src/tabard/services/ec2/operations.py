"""The operations of EC2, from each module."""

from tabard.services.ec2 import instance_types
from tabard.services.ec2.instance_profiles import associations
from tabard.services.ec2.instances import (
    attributes,
    console_output,
    credit_specifications,
    instances,
    start_stop,
    status,
    volumes,
)
from tabard.services.ec2.key_pairs import key_pairs
from tabard.services.ec2.launch import images, run_instances
from tabard.services.ec2.metadata import defaults, options
from tabard.services.ec2.network import interfaces, networks, zones
from tabard.services.ec2.tags import resource_tags
from tabard.services.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *associations.OPERATIONS,
    *attributes.OPERATIONS,
    *console_output.OPERATIONS,
    *credit_specifications.OPERATIONS,
    *instances.OPERATIONS,
    *start_stop.OPERATIONS,
    *status.OPERATIONS,
    *volumes.OPERATIONS,
    *key_pairs.OPERATIONS,
    *images.OPERATIONS,
    *instance_types.OPERATIONS,
    *run_instances.OPERATIONS,
    *defaults.OPERATIONS,
    *options.OPERATIONS,
    *interfaces.OPERATIONS,
    *networks.OPERATIONS,
    *zones.OPERATIONS,
    *resource_tags.OPERATIONS,
)
