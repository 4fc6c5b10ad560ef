"""Images ⇄ rows."""

from sqlalchemy import Table

from tabard.model.instance import Image
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import account_column, key_column, metadata, text_column, time_column

images = Table(
    "images",
    metadata,
    account_column(),
    key_column("image_id"),
    text_column("name"),
    text_column("description"),
    text_column("driver"),
    text_column("imds_support"),
    text_column("architecture"),
    time_column("created_at"),
)


class SqlImages(TableRows[str, Image], ports.Images):
    """Satisfies `ports.Images`."""

    table = AggregateTable(Image, images.c.image_id)
