"""Second-generation ID card reader: the SAM module's serial protocol, 115200 8N1.

`AA AA AA 96 69 | length | SW1 SW2 SW3 data | XOR`. Find, select, read; find succeeds once a placement.
The block has only an XOR over 1288 bytes, so two reads must agree and the number must carry its check digit
and the card's own birth date: noise is never another card.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import xor

from devices import id_number
from devices.bus import Bus, NoAnswerError, Wire
from devices.health import HealthKeeper
from devices.ports import CardPlaced, CardRemoved, CardUnreadable, Health, IdCard, Listener, MonoUs

PREAMBLE = bytes.fromhex("AAAAAA9669")
FIND, SELECT, READ = bytes.fromhex("2001"), bytes.fromhex("2002"), bytes.fromhex("3001")
OK, FOUND, NO_CARD = 0x90, 0x9F, 0x80
_LONGEST = 4096
_FIND_EVERY_S, _FIND_WHEN_OFFLINE_S = 0.4, 1.5
_SHORT_ANSWER_S, _LONG_ANSWER_S = 0.3, 1.5
_READS_AT_MOST = 5
_GONE_AFTER = 2
_REASONS = {0x31: "rejected", 0x32: "rejected", 0x33: "information_check", 0x40: "card_type"}


class CardFaultError(Exception):
    """The card cannot be used; `reason` is a word of CardUnreadable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """One frame from the SAM. `status` is SW3."""

    status: int
    data: bytes


# ---- codec ----------------------------------------------------------------------------------------


def request(command: bytes) -> bytes:
    """The frame for a command of CMD and PARA bytes."""
    body = (len(command) + 1).to_bytes(2, "big") + command
    return PREAMBLE + body + bytes([reduce(xor, body)])


def take_answer(buffer: bytearray) -> Answer | None:
    """Take the first sound frame from the buffer; drops noise before it."""
    while (start := buffer.find(PREAMBLE)) >= 0:
        del buffer[:start]
        if len(buffer) < 7:
            return None
        length = int.from_bytes(buffer[5:7], "big")
        if 4 <= length <= _LONGEST:
            if len(buffer) < 7 + length:
                return None
            body = bytes(buffer[5 : 7 + length])
            if reduce(xor, body) == 0:
                del buffer[: 7 + length]
                return Answer(body[4], body[5:-1])
        del buffer[0]
    del buffer[: -len(PREAMBLE) + 1]
    return None


def read_block(data: bytes) -> IdCard:
    """The card in the data of a read answer (text 256, photo 1024 bytes). Raises CardFaultError."""
    if len(data) != 4 + 256 + 1024 or data[:4] != b"\x01\x00\x04\x00":
        raise CardFaultError("garbled")
    text = _text(data[4:260])
    if text[124] in "IJ":  # foreigners' and residents' cards have other layouts
        raise CardFaultError("card_type")
    number = text[61:79]
    if not id_number.is_valid(number):
        raise CardFaultError("check_digit")
    born = _date(text[18:26])
    if born != id_number.birth_date(number):
        raise CardFaultError("birth_date")
    return _card(text, number, born)


def _text(block: bytes) -> str:
    try:
        text = block.decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise CardFaultError("garbled") from error
    if len(text) != 128:
        raise CardFaultError("garbled")
    return text


def _card(text: str, number: str, born: date) -> IdCard:
    name, end = text[0:15].strip(" \0"), text[102:110].strip(" \0")
    if not name or not all(c.isprintable() for c in name):
        raise CardFaultError("garbled")
    return IdCard(
        number=number,
        name=name,
        valid_from=_date(text[94:102]),
        valid_to=None if end == "长期" else _date(end),
        sex=text[15],
        nation=text[16:18].strip(),
        born=born,
        address=text[26:61].strip(" \0"),
        issuer=text[79:94].strip(" \0"),
    )


def _date(text: str) -> date:
    if len(text) == 8 and text.isascii() and text.isdecimal():
        try:
            return datetime.strptime(text + "+0000", "%Y%m%d%z").date()
        except ValueError as error:
            raise CardFaultError("garbled") from error
    raise CardFaultError("garbled")


# ---- driver ---------------------------------------------------------------------------------------


class SamReader:
    """An IdReader on a bus of its own."""

    listens = False

    def __init__(self, id: str, bus: Bus, mono_us: MonoUs) -> None:  # noqa: A002 - the port's word
        self.id, self._bus, self._mono_us = id, bus, mono_us
        self._listener: Listener = lambda event: None
        self._health = HealthKeeper(id, mono_us, self._listener)
        self._lying, self._missing = False, 0
        bus.add(self)

    def start(self, listener: Listener) -> None:
        """See Device."""
        self._listener = listener
        self._health = HealthKeeper(self.id, self._mono_us, listener)
        self._bus.start()

    def stop(self) -> None:
        """See Device."""
        self._bus.stop()

    def health(self) -> Health:
        """See Device."""
        return self._health.now()

    # ---- on the bus thread ----

    def connected(self, wire: Wire) -> None:
        """A card that still lies there is announced by the reader itself, or not at all (keeps I-4)."""
        self._lying, self._missing = False, 0

    def lost(self, reason: str) -> None:
        """See Rider."""
        self._health.lost(reason)

    def heard(self, wire: Wire, data: bytes) -> None:
        """A reader says nothing unasked."""

    def poll(self, wire: Wire) -> float:
        """One find; when a card is there, one whole cycle."""
        try:
            status = wire.ask(request(FIND), take_answer, _SHORT_ANSWER_S).status
        except NoAnswerError as error:
            self._health.missed(error.reason)
            return _FIND_WHEN_OFFLINE_S if self._health.offline else _FIND_EVERY_S
        if status in (FOUND, NO_CARD):
            self._health.answered()
        else:
            self._health.missed(f"status_{status:02x}")
        if status == FOUND:
            self._cycle(wire)
        elif status == NO_CARD:
            self._not_found()
        return _FIND_EVERY_S

    def _cycle(self, wire: Wire) -> None:
        try:
            card = self._read(wire)
        except CardFaultError as fault:
            self._listener(CardUnreadable(self.id, fault.reason, self._mono_us()))
            return
        self._lying, self._missing = True, 0
        self._listener(CardPlaced(self.id, card, self._mono_us()))

    def _read(self, wire: Wire) -> IdCard:
        try:
            selected = wire.ask(request(SELECT), take_answer, _SHORT_ANSWER_S)
        except NoAnswerError as error:
            if not error.heard:
                raise CardFaultError("select_failed") from error
            return read_block(self._agreed_block(wire))  # selected perhaps: reading will tell
        if (selected.status, len(selected.data)) != (OK, 8):
            raise CardFaultError(_REASONS.get(selected.status, "select_failed"))
        return read_block(self._agreed_block(wire))

    def _agreed_block(self, wire: Wire) -> bytes:
        """Two equal reads out of at most five; reading is idempotent while the card is selected."""
        seen: set[bytes] = set()
        reason = "garbled"
        for _ in range(_READS_AT_MOST):
            try:
                answer = wire.ask(request(READ), take_answer, _LONG_ANSWER_S)
            except NoAnswerError as error:
                reason = error.reason
                continue
            if answer.status != OK:
                raise CardFaultError(_REASONS.get(answer.status, "read_failed"))
            if answer.data in seen:
                return answer.data
            seen.add(answer.data)
        raise CardFaultError(reason)

    def _not_found(self) -> None:
        if not self._lying:
            return
        self._missing += 1
        if self._missing >= _GONE_AFTER:
            self._lying = False
            self._listener(CardRemoved(self.id, self._mono_us()))
