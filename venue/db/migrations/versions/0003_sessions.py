"""Sessions, sittings, parts, preparation."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trading_session",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("venue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("project_code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("title", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("back", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("served_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("closed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'booked', 'prepared', 'checking_in', 'in_progress', 'closed', 'filing', 'filed', "
            "'suspended', 'cancelled')",
            name=op.f("ck_trading_session_state"),
        ),
        sa.ForeignKeyConstraint(["venue"], ["site.id"], name=op.f("fk_trading_session_venue_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trading_session")),
    )
    with op.batch_alter_table("trading_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trading_session_project_code"), ["project_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_trading_session_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_trading_session_venue"), ["venue"], unique=False)

    op.create_table(
        "preparation_item",
        sa.Column("session", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("item", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("judged_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("judged_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["trading_session.id"], name=op.f("fk_preparation_item_session_trading_session")
        ),
        sa.PrimaryKeyConstraint("session", "item", name=op.f("pk_preparation_item")),
    )
    op.create_table(
        "sitting",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("session", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("checkin_opens_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("starts_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ends_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("checkin_opened_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "checkin_opens_at <= starts_at AND starts_at < ends_at", name=op.f("ck_sitting_times")
        ),
        sa.ForeignKeyConstraint(
            ["session"], ["trading_session.id"], name=op.f("fk_sitting_session_trading_session")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sitting")),
    )
    with op.batch_alter_table("sitting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sitting_checkin_opens_at"), ["checkin_opens_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sitting_session"), ["session"], unique=False)

    op.create_table(
        "duty_mark",
        sa.Column("sitting", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("step", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("command", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sitting"], ["sitting.id"], name=op.f("fk_duty_mark_sitting_sitting")),
        sa.PrimaryKeyConstraint("sitting", "step", "subject", name=op.f("pk_duty_mark")),
    )
    op.create_table(
        "part",
        sa.Column("sitting", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("booking", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("venue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("room", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["booking"], ["booking.id"], name=op.f("fk_part_booking_booking")),
        sa.ForeignKeyConstraint(["sitting"], ["sitting.id"], name=op.f("fk_part_sitting_sitting")),
        sa.PrimaryKeyConstraint("sitting", "booking", name=op.f("pk_part")),
    )


def downgrade() -> None:
    op.drop_table("part")
    op.drop_table("duty_mark")
    with op.batch_alter_table("sitting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sitting_session"))
        batch_op.drop_index(batch_op.f("ix_sitting_checkin_opens_at"))

    op.drop_table("sitting")
    op.drop_table("preparation_item")
    with op.batch_alter_table("trading_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trading_session_venue"))
        batch_op.drop_index(batch_op.f("ix_trading_session_state"))
        batch_op.drop_index(batch_op.f("ix_trading_session_project_code"))

    op.drop_table("trading_session")
