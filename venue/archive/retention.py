"""Terms from `config/retention.toml`: what is kept how long, and by which source (A3, keeps I-12)."""

import calendar
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from venue.settings import CHECKOUT

_FILE = CHECKOUT / "config" / "retention.toml"
_LOCAL = ZoneInfo("Asia/Shanghai")


class RetentionError(Exception):
    """The table of terms cannot be used; the text names file and what to write."""


@dataclass(frozen=True, slots=True)
class Term:
    """Calendar months and the rule that asks for them."""

    months: int
    source: str

    def as_item(self) -> dict[str, object]:
        """The form of a catalogue item's `term`; whole years are told as years."""
        years = {"years": self.months // 12} if self.months % 12 == 0 else {}
        return {**years, "months": self.months, "source": self.source}


def load_terms(path: Path = _FILE) -> dict[str, Term]:
    """Kind → the longest term the table gives it. Raises RetentionError."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["terms"]
        terms: dict[str, Term] = {}
        for row in rows:
            term = Term(int(row["months"]), str(row["source"]))
            if term.months < 1 or not term.source:
                raise RetentionError(f"{path}: {row['kind']}: write months ≥ 1 and a source")
            known = terms.get(row["kind"])
            terms[row["kind"]] = term if known is None or term.months > known.months else known
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RetentionError(
            f"{path}: cannot be used ({error!r}); write [[terms]] with kind, months, source"
        ) from error
    return terms


def add_months(instant: datetime, months: int) -> datetime:
    """The same local day so many calendar months on, or the month's last; never earlier than the term asks."""
    local = instant.astimezone(_LOCAL)
    index = local.month - 1 + months
    year, month = local.year + index // 12, index % 12 + 1
    last = calendar.monthrange(year, month)[1]
    if local.day <= last:
        return local.replace(year=year, month=month)
    # The 31st plus one month: the whole of the shorter month counts.
    return local.replace(year=year, month=month, day=last) + timedelta(days=1)


def keep_until(closed_at: datetime, terms: Iterable[Term]) -> datetime:
    """The end of the longest term."""
    return max(add_months(closed_at, term.months) for term in terms)
