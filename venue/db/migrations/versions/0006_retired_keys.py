"""Keys that were replaced or revoked stay, with the end of their term: old packages are checked with them (K-2)."""

import json

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retired_key",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("public", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("venue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "public", name=op.f("pk_retired_key")),
    )
    _keep_those_already_revoked()


def _keep_those_already_revoked() -> None:
    party = sa.table(
        "party", sa.column("name"), sa.column("venue"), sa.column("signing_key", sa.JSON()),
        sa.column("revoked_at", sqlmodel.sql.sqltypes.UTCDateTime()),
    )  # fmt: skip
    retired = sa.table("retired_key", *(sa.column(name) for name in ("name", "public", "venue", "key")))
    found = op.get_bind().execute(sa.select(party).where(party.c.revoked_at.is_not(None)))
    for row in found.all():
        until = row.revoked_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        key = json.dumps({**row.signing_key, "until": until})
        values = {"name": row.name, "public": row.signing_key["public"], "venue": row.venue, "key": key}
        op.get_bind().execute(sa.insert(retired).values(values))


def downgrade() -> None:
    op.drop_table("retired_key")
