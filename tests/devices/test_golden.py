"""Byte tables of the published protocols, as golden vectors for the drivers' codecs."""

import pytest
from pymodbus.framer import FramerRTU

from devices import gate_codec, id_number, locker_8a, modbus, sam_reader
from devices.ports import GateCounters
from devices.sim import relays

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("command", "frame"),
    [
        ("10FF", "AAAAAA9669000310FFEC"),
        ("11FF", "AAAAAA9669000311FFED"),
        ("12FF", "AAAAAA9669000312FFEE"),
        ("2001", "AAAAAA96690003200122"),
        ("2002", "AAAAAA96690003200221"),
        ("3001", "AAAAAA96690003300132"),
        ("3010", "AAAAAA96690003301023"),
        ("3003", "AAAAAA96690003300330"),
        ("6000", "AAAAAA96690003600063"),
        ("61FF50", "AAAAAA9669000461FF50CA"),
    ],
)
def test_sam_requests(command: str, frame: str) -> None:
    assert sam_reader.request(bytes.fromhex(command)) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("frame", "status", "data"),
    [
        ("AAAAAA966900040000" + "9094", 0x90, ""),
        ("AAAAAA9669000800009F0000000097", 0x9F, "00000000"),
        ("AAAAAA96690004000080" + "84", 0x80, ""),
        ("AAAAAA9669000C0000900000000000000000" + "9C", 0x90, "00" * 8),
    ],
)
def test_sam_answers(frame: str, status: int, data: str) -> None:
    buffer = bytearray(b"\x00\xaa\xaa" + bytes.fromhex(frame))
    assert sam_reader.take_answer(buffer) == sam_reader.Answer(status, bytes.fromhex(data))
    assert not buffer


def test_check_digit() -> None:
    assert id_number.check_digit("11010119900307123") == "3"
    assert id_number.is_valid("110101199003071233")
    assert not id_number.is_valid("110101199003071234")
    assert not id_number.is_valid("110101199002301236")


@pytest.mark.parametrize(
    ("made", "frame"),
    [
        (locker_8a.open_request(1, 1), "8A0101119B"),
        (locker_8a.open_request(1, 2), "8A01021198"),
        (locker_8a.open_request(1, 0), "8A0100119A"),
        (locker_8a.state_request(1, 1), "80010133B3"),
        (locker_8a.state_request(1, 0), "80010033B2"),
    ],
)
def test_locker_requests(made: bytes, frame: str) -> None:
    assert made == bytes.fromhex(frame)


def test_locker_all_states() -> None:
    bits = locker_8a.all_states(1)(bytearray.fromhex("8001" + "010101" + "33B3"))
    assert bits is not None
    assert [n + 1 for n in range(24) if bits >> n & 1] == [1, 9, 17]


def test_modbus_frames() -> None:
    assert modbus.write_request(1, 0, True) == bytes.fromhex("01050000FF008C3A")
    assert modbus.read_request(1, 1, 0, 8) == bytes.fromhex("0101000000083DCC")
    assert modbus.read_request(1, 2, 0, 8) == bytes.fromhex("01020000000879CC")
    answer = modbus.bits_answer(1, 1, 8)(bytearray.fromhex("010101019048"))
    assert answer == (True, *[False] * 7)


@pytest.mark.parametrize("data", [b"", b"\x01\x05\x00\x00\xff\x00", bytes(range(200))])
def test_three_crcs_agree(data: bytes) -> None:
    """Ours, the simulator's and pymodbus's were written apart."""
    peer = FramerRTU.compute_CRC(data).to_bytes(2, "big")
    assert modbus.crc(data) == relays.crc16(data) == peer


@pytest.mark.parametrize(
    ("made", "frame"),
    [
        (gate_codec.request(1, gate_codec.SYNC), "8104007F"),
        (gate_codec.request(1, gate_codec.RESULT), "8104017F"),
        (gate_codec.request(1, gate_codec.AUTO_ON), "8104047F"),
        (gate_codec.request(1, 78), "81044E7F"),
        (gate_codec.request(1, gate_codec.COUNTERS, b"\x0f"), "8105600F7F"),
    ],
)
def test_gate_requests(made: bytes, frame: str) -> None:
    assert made == bytes.fromhex(frame)


def test_gate_result() -> None:
    """The published sample: forward 122, backward 123, alarms 103 and 104, zones 6 and 7, phone at 7."""
    data = bytearray(58)
    data[0:12] = bytes.fromhex("00007A" + "00007B" + "000067" + "000068")
    data[37] = 0b1100000
    data[42 + 7] = 6
    frame = gate_codec.take_frame(bytearray(b"\x81\x3e\x01" + data + b"\x7f"))
    assert frame is not None
    result = gate_codec.parse_result(frame)
    assert result is not None
    assert (result.counters, result.zones, result.kinds) == (
        GateCounters(122, 123, 103, 104),
        (6, 7),
        ("phone",),
    )


def test_gate_beam() -> None:
    assert gate_codec.take_frame(bytearray.fromhex("8105660 17F".replace(" ", ""))) == gate_codec.Frame(
        1, 102, b"\x01"
    )
    assert gate_codec.number(b"\x01\x00\x02") == (1 << 14) + 2
