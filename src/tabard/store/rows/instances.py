"""Instances and images ⇄ rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, and_, text

from tabard.model.faults import Faults
from tabard.model.instance import Image, Instance, InstanceState, MetadataOptions, ShutdownOptions
from tabard.model.instance_events import InstanceEvents
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.rows.tags import tags_from_json, tags_to_json
from tabard.store.schema import images, instances

# Said as it stands in the index, or the database would not use it.
_HAS_CLIENT_TOKEN = text("client_token <> ''")


def _instance_to_row(instance: Instance) -> dict[str, object]:
    return {
        "instance_id": instance.instance_id,
        "reservation_id": instance.reservation_id,
        "owner_account_id": instance.owner_account_id,
        "image_id": instance.image_id,
        "host_id": instance.host_id,
        "instance_type": instance.instance_type,
        "region": instance.region,
        "availability_zone": instance.availability_zone,
        "private_ip_address": instance.private_ip_address,
        "mac_address": instance.mac_address,
        "state": instance.state.value,
        "metadata_options": asdict(instance.metadata_options),
        "launched_at": instance.launched_at,
        "launched_by": instance.launched_by,
        "boot_number": instance.boot_number,
        "ami_launch_index": instance.ami_launch_index,
        "client_token": instance.client_token,
        "user_data": instance.user_data,
        "key_name": instance.key_name,
        "public_key": instance.public_key,
        "state_reason_code": instance.state_reason_code,
        "state_reason_message": instance.state_reason_message,
        "state_changed_at": instance.state_changed_at,
        "shutdown_options": asdict(instance.shutdown_options),
        "tags": tags_to_json(instance.tags),
        "faults": asdict(instance.faults),
        "events": msgspec.to_builtins(instance.events),
    }


def _instance_from_row(row: Row[Any]) -> Instance:
    return Instance(
        instance_id=row.instance_id,
        reservation_id=row.reservation_id,
        owner_account_id=row.owner_account_id,
        image_id=row.image_id,
        host_id=row.host_id,
        instance_type=row.instance_type,
        region=row.region,
        availability_zone=row.availability_zone,
        private_ip_address=row.private_ip_address,
        mac_address=row.mac_address,
        state=InstanceState(row.state),
        metadata_options=MetadataOptions(**row.metadata_options),
        launched_at=row.launched_at,
        launched_by=row.launched_by,
        boot_number=row.boot_number,
        ami_launch_index=row.ami_launch_index,
        client_token=row.client_token,
        user_data=row.user_data,
        key_name=row.key_name,
        public_key=row.public_key,
        state_reason_code=row.state_reason_code,
        state_reason_message=row.state_reason_message,
        state_changed_at=row.state_changed_at,
        shutdown_options=ShutdownOptions(**row.shutdown_options),
        tags=tags_from_json(row.tags),
        faults=Faults(**row.faults),
        events=msgspec.convert(row.events, InstanceEvents),
    )


def _image_to_row(image: Image) -> dict[str, object]:
    return asdict(image)


def _image_from_row(row: Row[Any]) -> Image:
    return Image(**row._mapping)


INSTANCES: SingleTable[str, Instance] = SingleTable(
    kind=ChangeKind.INSTANCE,
    key=instances.c.instance_id,
    to_row=_instance_to_row,
    from_row=_instance_from_row,
)

IMAGES: SingleTable[str, Image] = SingleTable(
    kind=ChangeKind.IMAGE, key=images.c.image_id, to_row=_image_to_row, from_row=_image_from_row
)


@dataclass(frozen=True, slots=True)
class SqlInstances:
    """Satisfies `ports.Instances`."""

    journal: Journal

    def get(self, instance_id: str) -> Instance | None:
        return INSTANCES.get(self.journal.connection, instance_id)

    def on_host(self, host_id: str) -> Sequence[Instance]:
        return INSTANCES.where(self.journal.connection, instances.c.host_id == host_id)

    def launched_with(self, client_token: str) -> Sequence[Instance]:
        condition = and_(instances.c.client_token == client_token, _HAS_CLIENT_TOKEN)
        return INSTANCES.where(self.journal.connection, condition)

    def insert(self, instance: Instance) -> None:
        INSTANCES.insert(self.journal, instance)

    def update(self, instance: Instance) -> None:
        INSTANCES.update(self.journal, instance)

    def delete(self, instance_id: str) -> None:
        INSTANCES.delete(self.journal, instance_id)


@dataclass(frozen=True, slots=True)
class SqlImages:
    """Satisfies `ports.Images`."""

    journal: Journal

    def get(self, image_id: str) -> Image | None:
        return IMAGES.get(self.journal.connection, image_id)

    def insert(self, image: Image) -> None:
        IMAGES.insert(self.journal, image)
