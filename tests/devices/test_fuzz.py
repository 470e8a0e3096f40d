"""Damaged bytes: never another card, never a clear passage, never a coil or locker that is not so."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from devices import gate_codec, locker_8a, modbus, sam_reader
from devices.ports import GateCounters
from devices.sim.reader import SimCard

NUMBER = "110101199003071233"
BLOCK = SimCard(NUMBER, "示例专家 01").block()
FRAME = sam_reader.PREAMBLE + b"\x05\x08\x00\x00\x90" + BLOCK
FRAME += bytes([0x05 ^ 0x08 ^ 0x90])
for _byte in BLOCK:
    FRAME = FRAME[:-1] + bytes([FRAME[-1] ^ _byte])

flips = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 7)), min_size=1, max_size=6)


def damaged(frame: bytes, hits: list[tuple[int, int]]) -> bytes:
    broken = bytearray(frame)
    for at, bit in hits:
        broken[at % len(frame)] ^= 1 << bit
    return bytes(broken)


def test_the_whole_frame_reads() -> None:
    answer = sam_reader.take_answer(bytearray(FRAME))
    assert len(FRAME) == 1295
    assert answer is not None
    assert sam_reader.read_block(answer.data).number == NUMBER


@settings(max_examples=300, deadline=None)
@given(hits=flips, cut=st.integers(0, 40), before=st.binary(max_size=20))
def test_a_damaged_card_is_refused_or_the_same(hits: list[tuple[int, int]], cut: int, before: bytes) -> None:
    stream = before + damaged(FRAME, hits)[: len(FRAME) - cut]
    answer = sam_reader.take_answer(bytearray(stream))
    if answer is None:
        return
    try:
        card = sam_reader.read_block(answer.data)
    except sam_reader.CardFaultError:
        return
    assert card.number == NUMBER


@settings(max_examples=100, deadline=None)
@given(at=st.integers(61 * 2 + 4, 79 * 2 + 3), bit=st.integers(0, 7))
def test_no_single_bit_of_the_number_passes_even_without_the_seal(at: int, bit: int) -> None:
    block = damaged(BLOCK, [(at, bit)])
    try:
        number = sam_reader.read_block(block).number
    except sam_reader.CardFaultError:
        return
    assert number == NUMBER


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=300))
def test_takers_never_wedge(noise: bytes) -> None:
    """After any noise a sound frame is still found, at the latest after one more."""
    buffer = bytearray(noise)
    while gate_codec.take_frame(buffer) is not None:
        pass
    buffer += gate_codec.request(1, 0) * 30
    assert gate_codec.take_frame(buffer) is not None
    card = bytearray(noise.replace(b"\xaa", b"\x00"))
    assert sam_reader.take_answer(card) is None
    card += bytes.fromhex("AAAAAA966900040000809484".replace("9484", "84"))
    assert sam_reader.take_answer(card) == sam_reader.Answer(0x80, b"")


BEFORE = GateCounters(122, 123, 103, 104)
AFTER_ALARM = GateCounters(123, 123, 104, 104)


def result_frame(counts: GateCounters, phone: bool) -> bytes:
    data = bytearray(58)
    for n, value in enumerate(
        (counts.forward, counts.backward, counts.forward_alarms, counts.backward_alarms)
    ):
        data[3 * n : 3 * n + 3] = bytes([value >> 14, value >> 7 & 0x7F, value & 0x7F])
    if phone:
        data[37], data[49] = 0x40, 6
    return b"\x81\x3e\x01" + bytes(data) + b"\x7f"


@settings(max_examples=400, deadline=None)
@given(hits=flips)
def test_a_damaged_alarm_is_never_clear(hits: list[tuple[int, int]]) -> None:
    """The gate has no checksum: counters read again stand against a frame that lost its alarm."""
    buffer = bytearray(damaged(result_frame(AFTER_ALARM, phone=True), hits))
    frame = gate_codec.take_frame(buffer)
    result = gate_codec.parse_result(frame) if frame and frame.tag == 1 else None
    judged = gate_codec.judge(BEFORE, result, [1, 3, 2, 4], AFTER_ALARM)
    assert judged.alarm or judged.doubts


@settings(max_examples=300, deadline=None)
@given(hits=flips)
def test_a_damaged_clean_frame_is_doubtful_unless_nothing_that_counts_changed(
    hits: list[tuple[int, int]],
) -> None:
    after = GateCounters(123, 123, 103, 104)
    clean = gate_codec.parse_result(_frame(result_frame(after, phone=False)))
    frame = gate_codec.take_frame(bytearray(damaged(result_frame(after, phone=False), hits)))
    result = gate_codec.parse_result(frame) if frame and frame.tag == 1 else None
    assume(result != clean)
    judged = gate_codec.judge(BEFORE, result, [1, 3, 2, 4], after)
    assert judged.alarm or judged.doubts


def _frame(data: bytes) -> gate_codec.Frame:
    frame = gate_codec.take_frame(bytearray(data))
    assert frame is not None
    return frame


@settings(max_examples=100, deadline=None)
@given(beams=st.lists(st.sampled_from([1, 2, 3, 4, 11, 12, 13, 14]), max_size=6))
def test_only_whole_beam_sequences_are_believed(beams: list[int]) -> None:
    after = GateCounters(123, 123, 103, 104)
    result = gate_codec.PassageResult(after, (), (0,) * 16)
    judged = gate_codec.judge(BEFORE, result, beams, after)
    assert bool(judged.doubts) is (beams not in ([1, 3, 2, 4], [1, 2, 3, 4]))


@settings(max_examples=200, deadline=None)
@given(hits=flips)
def test_modbus_damage_is_seen(hits: list[tuple[int, int]]) -> None:
    """CRC-16 finds every burst of up to three flipped bits in frames this short."""
    request = modbus.write_request(1, 0, True)
    broken = damaged(request, hits[:3])
    assume(broken != request)
    try:
        assert modbus.echo_answer(request)(bytearray(broken)) is None
    except modbus.ModbusRefusalError:
        raise AssertionError("noise was taken for an exception answer") from None


@settings(max_examples=200, deadline=None)
@given(hits=flips)
def test_locker_single_flip_is_seen(hits: list[tuple[int, int]]) -> None:
    broken = damaged(bytes.fromhex("80010133B3")[:3] + b"\x11" + b"\x91", hits[:1])
    assert locker_8a.one_state(1, 1)(bytearray(broken)) is None
