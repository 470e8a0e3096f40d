"""`[subjects.bookings]`: buffers and steps, checked here."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from venue.bookings.rules import Buffers
from venue.settings import Settings


class BookingSettings(BaseModel):
    """Minutes around every booking in which its room is blocked, and the step at which free slots are listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    buffer_before_min: int = Field(ge=0, le=240)
    buffer_after_min: int = Field(ge=0, le=240)
    slot_step_min: int = Field(gt=0, le=240)

    @property
    def buffers(self) -> Buffers:
        """As the rules take them."""
        return Buffers(timedelta(minutes=self.buffer_before_min), timedelta(minutes=self.buffer_after_min))


def booking_settings(settings: Settings) -> BookingSettings:
    """The subject's table; pydantic's ValidationError names the key."""
    return BookingSettings.model_validate(settings.subjects.get("bookings", {}))
