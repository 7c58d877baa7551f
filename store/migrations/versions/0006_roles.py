"""Roles: who is not the owner of the guards can't lead them astray by names of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

GUARDS = ("guard_draft", "guard_instance", "guard_task", "guard_ledger", "guard_kept")


def upgrade() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    for guard in GUARDS:
        op.execute(f"ALTER FUNCTION {guard}() SET search_path = {schema}, pg_temp")
