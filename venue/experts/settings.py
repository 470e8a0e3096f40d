"""`[subjects.experts]`: keys, witness, text messages; checked here."""

from pydantic import BaseModel, ConfigDict, Field

from venue.settings import Settings


class ExpertSettings(BaseModel):
    """Where the keys lie, how long the witness may take, when and through whom the drawn are told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notice_lead_min: int = Field(ge=0, le=10080)
    sms_url: str
    keys_folder: str
    pool_at_least_percent: int = Field(ge=100)
    witness_timeout_s: float = Field(gt=0, le=120)


def expert_settings(settings: Settings) -> ExpertSettings:
    """The subject's table; pydantic's ValidationError names the key."""
    return ExpertSettings.model_validate(settings.subjects.get("experts", {}))
