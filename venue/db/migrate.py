"""Run the migrations on an engine. Alembic is driven from here only; there is no alembic.ini."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlmodel import SQLModel

_FOLDER = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring the schema to `to`; every table module must have been imported (`venue.main` does)."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["metadata"] = SQLModel.metadata
        command.upgrade(config, to)
        connection.commit()


def draft(engine: Engine, message: str, revision: str) -> None:
    """Write a new revision file from what differs between the tables and this database (a developer's command)."""
    migrate(engine)
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["metadata"] = SQLModel.metadata
        command.revision(config, message, autogenerate=True, rev_id=revision)
        connection.commit()
