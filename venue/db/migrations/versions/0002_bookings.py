"""Bookings, and the guard that no two of them overlap in a room (keeps I-13).

A batch migration of `booking` copies the table and silently drops its triggers: call `guard()` at its end.
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


_OVERLAP = """
CREATE TRIGGER booking_no_overlap_{name} BEFORE {verb} ON booking
WHEN NEW.state <> 'cancelled' AND EXISTS (
    SELECT 1 FROM booking other
    WHERE other.room = NEW.room AND other.state <> 'cancelled' AND other.id <> NEW.id
      AND other.blocked_from < NEW.blocked_until AND NEW.blocked_from < other.blocked_until)
BEGIN SELECT RAISE(ABORT, 'booking_no_overlap'); END
"""


def guard() -> None:
    """Put the overlap guard on `booking`: triggers on SQLite, an exclusion constraint on PostgreSQL."""
    if op.get_bind().dialect.name == "sqlite":
        for name, verb in (
            ("insert", "INSERT"),
            ("update", "UPDATE OF room, blocked_from, blocked_until, state, id"),
        ):
            op.execute(f"DROP TRIGGER IF EXISTS booking_no_overlap_{name}")
            op.execute(_OVERLAP.format(name=name, verb=verb))
        return
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "ALTER TABLE booking ADD CONSTRAINT booking_no_overlap EXCLUDE USING gist "
        "(room WITH =, tstzrange(blocked_from, blocked_until, '[)') WITH &&) WHERE (state <> 'cancelled')"
    )


def upgrade() -> None:
    op.create_table(
        "booking",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("room", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("session", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sitting", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("who", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("starts_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ends_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("blocked_from", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("blocked_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("made_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('booked', 'cancelled')", name=op.f("ck_booking_state")),
        sa.CheckConstraint(
            "blocked_from <= starts_at AND ends_at <= blocked_until", name=op.f("ck_booking_buffers")
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_booking_times")),
        sa.ForeignKeyConstraint(["room"], ["room.id"], name=op.f("fk_booking_room_room")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
    )
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.create_index("ix_booking_room_blocked_from", ["room", "blocked_from"], unique=False)
        batch_op.create_index(batch_op.f("ix_booking_session"), ["session"], unique=False)
        batch_op.create_index(batch_op.f("ix_booking_sitting"), ["sitting"], unique=False)

    op.create_table(
        "booking_change",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("booking", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("actor", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("what", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["booking"], ["booking.id"], name=op.f("fk_booking_change_booking_booking")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_booking_change")),
    )
    with op.batch_alter_table("booking_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_booking_change_booking"), ["booking"], unique=False)

    guard()


def downgrade() -> None:
    with op.batch_alter_table("booking_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_booking_change_booking"))

    op.drop_table("booking_change")
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_booking_sitting"))
        batch_op.drop_index(batch_op.f("ix_booking_session"))
        batch_op.drop_index("ix_booking_room_blocked_from")

    op.drop_table("booking")
