"""The instances of a Describe operation."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from tabard.access.authorize import Permit
from tabard.model.instance import Instance
from tabard.services.ec2.errors import InvalidInstanceIDNotFound, InvalidParameterCombination
from tabard.services.ec2.ids import guard_instance_id
from tabard.store.listings import Key, by_launch
from tabard.store.snapshot import Snapshot


def asked_for(
    instance_ids: Sequence[str], permit: Permit, snapshot: Snapshot, *, max_results: int | None
) -> list[Instance]:
    """Return the instances with these ids, oldest first.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed;
        InvalidParameterCombination: ids with MaxResults.
    """
    if instance_ids and max_results is not None:
        raise InvalidParameterCombination(
            reason="The parameter instancesSet cannot be used with the parameter maxResults"
        )
    for instance_id in instance_ids:
        guard_instance_id(instance_id)
    found = {instance_id: snapshot.instances.get(instance_id) for instance_id in instance_ids}
    here = [each for each in found.values() if each is not None and each.region == permit.region]
    if len(here) < len(found):
        known = {each.instance_id for each in here}
        raise InvalidInstanceIDNotFound.among([each for each in instance_ids if each not in known])
    return sorted(here, key=by_launch)


def instances_after(
    instance_ids: Sequence[str], permit: Permit, snapshot: Snapshot, *, max_results: int | None
) -> Callable[[Key | None], Iterable[Instance]]:
    """Return a function from a key to the later instances, oldest first, with these ids or of the region.

    Raises:
        Like `asked_for`.
    """
    named = asked_for(instance_ids, permit, snapshot, max_results=max_results)
    if instance_ids:
        return lambda key: (each for each in named if key is None or by_launch(each) > key)
    return partial(snapshot.indexes.listings.instances.in_group, permit.region)


def architecture_of(instance: Instance, snapshot: Snapshot) -> str:
    """Return the architecture of an instance's image."""
    image = snapshot.images.get(instance.image_id)
    return image.architecture if image is not None else "x86_64"
