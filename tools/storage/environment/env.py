"""Alembic's environment: runs the revisions of one schema on the connection that it is given.

It is run by Alembic, not imported; :mod:`tools.storage.migrating` says with what.
"""

from alembic import context

context.configure(**context.config.attributes["configure"])
with context.begin_transaction():
    context.run_migrations()
