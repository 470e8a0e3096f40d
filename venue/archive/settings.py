"""`[subjects.archive]`: where evidence and packages lie, checked here."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from venue.settings import Settings


class ArchiveSettings(BaseModel):
    """`folder` holds `store/` (by sha256) and `packages/`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str


def archive_folder(settings: Settings) -> Path:
    """The archive's folder; pydantic's ValidationError names the key."""
    return settings.under_home(ArchiveSettings.model_validate(settings.subjects.get("archive", {})).folder)
