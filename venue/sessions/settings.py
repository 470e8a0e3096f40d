"""`[subjects.sessions]`: how long before and after, checked here."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from venue.bookings.settings import booking_settings
from venue.experts.vault import vault_of
from venue.sessions.service import Means
from venue.settings import Settings


class SessionSettings(BaseModel):
    """Leads in minutes before check-in opens; the grace after which the centre asks the edge to follow its plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facilities_lead_min: int = Field(ge=0, le=240)
    prepare_lead_min: int = Field(ge=0, le=1440)
    plan_grace_s: int = Field(ge=0, le=600)


def session_settings(settings: Settings) -> SessionSettings:
    """The subject's table; pydantic's ValidationError names the key."""
    return SessionSettings.model_validate(settings.subjects.get("sessions", {}))


def means(settings: Settings) -> Means:
    """What changing a session takes at this centre."""
    lead = timedelta(minutes=session_settings(settings).facilities_lead_min)
    return Means(booking_settings(settings).buffers, lead, vault_of(settings))
