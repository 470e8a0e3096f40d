"""The draw as arithmetic (interfaces.md §8): shares, commitments, seed, ranking, seats. Pure; no names in here."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contract.canonical import canonical

SHARE_BYTES = 32
HOLDERS = ("centre", "operator", "witness")
_SHARE_TAG = b"jianzheng-draw-share-v1\n"
_POOL_TAG = b"jianzheng-draw-pool-v1\n"
# Where as many are drawn as there are, the draw hides nobody; a centre may ask for more (settings).
POOL_PERCENT = 150


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person of the pool under the register's id; employers as keyed indexes only."""

    person: str
    specialties: frozenset[str]
    employers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Seat:
    """So many members of one specialty (code of 发改法规〔2018〕316号; a shorter code covers its branches)."""

    specialty: str
    count: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A person and the specialty of the seat they fill."""

    person: str
    specialty: str


class DrawRefused(Exception):
    """The draw cannot be held or does not add up; `key` and `params` say why."""

    def __init__(self, key: str, params: Mapping[str, object] | None = None) -> None:
        super().__init__(key)
        self.key = key
        self.params: Mapping[str, object] = params or {}


def commitment(draw: str, holder: str, share: bytes) -> str:
    """Hex SHA-256 that binds a holder to a share before anything is revealed."""
    if len(share) != SHARE_BYTES:
        raise DrawRefused("draw.bad_share", {"holder": holder})
    return hashlib.sha256(_SHARE_TAG + draw.encode() + holder.encode() + share).hexdigest()


def pool_commitment(draw: str, pool: Iterable[Candidate], seats: Sequence[Seat]) -> str:
    """Hex SHA-256 over who may be drawn for which seats, fixed before the seed exists."""
    body = {
        "draw": draw,
        "pool": [[one.person, sorted(one.specialties)] for one in sorted(pool, key=lambda one: one.person)],
        "seats": [[seat.specialty, seat.count] for seat in seats],
    }
    return hashlib.sha256(_POOL_TAG + canonical(body)).hexdigest()


def seed(shares: Mapping[str, bytes], committed_pool: str) -> bytes:
    """SHA-256 of all shares in holder order and the pool commitment."""
    return hashlib.sha256(
        b"".join(shares[holder] for holder in HOLDERS) + bytes.fromhex(committed_pool)
    ).digest()


def check_shares(draw: str, shares: Mapping[str, bytes], commitments: Mapping[str, str]) -> None:
    """Each share must be the one its holder committed to; raises DrawRefused naming the holder."""
    for holder in HOLDERS:
        if holder not in shares or holder not in commitments:
            raise DrawRefused("draw.share_missing", {"holder": holder})
        if not hmac.compare_digest(commitment(draw, holder, shares[holder]), commitments[holder]):
            raise DrawRefused("draw.share_differs", {"holder": holder})


def ranking(the_seed: bytes, persons: Iterable[str]) -> list[str]:
    """Persons by HMAC-SHA256(seed, person id): an order that only the seed's holder can compute."""
    return sorted(persons, key=lambda person: hmac.digest(the_seed, person.encode(), "sha256"))


def covers(seat: str, specialty: str) -> bool:
    """`A04` covers `A0401` and itself."""
    return specialty.startswith(seat)


def eligible(pool: Iterable[Candidate], avoid_employers: frozenset[str]) -> list[Candidate]:
    """The pool without those who must stand aside; applied before the draw, never after (X3)."""
    return [one for one in pool if not one.employers & avoid_employers]


def check_pool(pool: Sequence[Candidate], seats: Sequence[Seat], percent: int = POOL_PERCENT) -> None:
    """Can every seat be filled whatever the seed says, and does the draw still hide who? Raises DrawRefused.

    percent: how many people who could fill a seat there must be, in hundredths of the seats (100 hides nobody).
    """
    if not seats or any(seat.count < 1 for seat in seats):
        raise DrawRefused("draw.no_seats")
    fitting = [{one.person for one in pool if _fits(one, seat)} for seat in seats]
    for place, seat in enumerate(seats):
        # Seats before this one may have taken this many of the people who could fill it.
        lost = sum(min(seats[i].count, len(fitting[i] & fitting[place])) for i in range(place))
        needed = max(-(-seat.count * percent // 100), seat.count + lost)
        if len(fitting[place]) < needed:
            params = {"specialty": seat.specialty, "found": len(fitting[place]), "needed": needed}
            raise DrawRefused("draw.pool_too_small", params)


def choose(the_seed: bytes, pool: Sequence[Candidate], seats: Sequence[Seat]) -> list[Drawn]:
    """Fill the seats in their order, each with the best-ranked people not yet seated; raises DrawRefused."""
    by_person = {one.person: one for one in pool}
    order = ranking(the_seed, by_person)
    drawn: list[Drawn] = []
    seated: set[str] = set()
    for seat in seats:
        fitting = [p for p in order if p not in seated and _fits(by_person[p], seat)]
        if len(fitting) < seat.count:
            raise DrawRefused("draw.pool_too_small", {"specialty": seat.specialty, "found": len(fitting)})
        drawn += [Drawn(person, seat.specialty) for person in fitting[: seat.count]]
        seated.update(fitting[: seat.count])
    return drawn


def _fits(candidate: Candidate, seat: Seat) -> bool:
    return any(covers(seat.specialty, code) for code in candidate.specialties)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A draw laid open after its secrecy ended: everything a stranger needs to repeat it."""

    draw: str
    commitments: Mapping[str, str]
    committed_pool: str
    shares: Mapping[str, bytes]
    pool: Sequence[Candidate]
    seats: Sequence[Seat]
    drawn: Sequence[Drawn] = field(default_factory=list)


def verify(disclosed: Disclosure) -> None:
    """Do the drawn follow from the committed shares and the committed pool? Raises DrawRefused when not."""
    check_shares(disclosed.draw, disclosed.shares, disclosed.commitments)
    if pool_commitment(disclosed.draw, disclosed.pool, disclosed.seats) != disclosed.committed_pool:
        raise DrawRefused("draw.pool_differs")
    expected = choose(seed(disclosed.shares, disclosed.committed_pool), disclosed.pool, disclosed.seats)
    if list(disclosed.drawn) != expected:
        raise DrawRefused("draw.result_differs")
