"""What people may send as an instant or a row's number: whatever the database can hold and sums cannot overflow."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _within(instant: datetime) -> datetime:
    """Compared before it is converted: an instant at the end of time with an offset has no UTC form."""
    if not _EARLIEST <= instant < _LATEST:
        raise ValueError("between 2000 and 2200")
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_within)]
"""An aware instant of this house's time; anything else is 422 `request.invalid`."""

RowNumber = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A position in a table, as SQLite counts."""
