"""Alembic's entry: run the migrations on the connection that `tabard.store.migrate` hands over."""

from alembic import context

from tabard.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
