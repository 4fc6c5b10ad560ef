"""Which instances a Describe operation is about."""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.model.instance import Instance
from tabard.services.ec2.errors import InvalidInstanceIDNotFound, InvalidParameterCombination
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.pages import Key
from tabard.store.snapshot import Snapshot


def asked_for(
    instance_ids: Sequence[str], permit: Permit, snapshot: Snapshot, *, max_results: int | None
) -> list[Instance]:
    """The instances of these ids, or every instance of the region.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed;
        InvalidParameterCombination: ids with MaxResults.
    """
    here = {
        instance.instance_id: instance
        for instance in snapshot.instances.values()
        if instance.region == permit.region
    }
    if not instance_ids:
        return list(here.values())
    if max_results is not None:
        raise InvalidParameterCombination(
            reason="The parameter instancesSet cannot be used with the parameter maxResults"
        )
    for instance_id in instance_ids:
        guard_instance_id(instance_id)
    missing = [instance_id for instance_id in instance_ids if instance_id not in here]
    if missing:
        raise InvalidInstanceIDNotFound.among(missing)
    return [here[instance_id] for instance_id in dict.fromkeys(instance_ids)]


def launch_order(instance: Instance) -> Key:
    """Oldest first, a reservation's instances together."""
    return (
        instance.launched_at.isoformat(timespec="microseconds"),
        instance.reservation_id,
        f"{instance.ami_launch_index:05d}",
        instance.instance_id,
    )


def architecture_of(instance: Instance, snapshot: Snapshot) -> str:
    """The architecture of the image that an instance was started from."""
    image = snapshot.images.get(instance.image_id)
    return image.architecture if image is not None else "x86_64"
