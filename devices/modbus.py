"""Modbus RTU, sans-I/O: the three functions that relay boards need: FC01, FC02, FC05."""

from collections.abc import Callable

READ_COILS, READ_INPUTS, WRITE_COIL = 0x01, 0x02, 0x05


class ModbusRefusalError(Exception):
    """The board answered with an exception code: it did not do it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"modbus exception {code}")
        self.code = code


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def sealed(body: bytes) -> bytes:
    """A frame: body and CRC."""
    return body + crc(body)


def read_request(unit: int, function: int, start: int, count: int) -> bytes:
    """Ask for coils or inputs."""
    return sealed(bytes([unit, function]) + start.to_bytes(2, "big") + count.to_bytes(2, "big"))


def write_request(unit: int, coil: int, on: bool) -> bytes:
    """Switch one coil; the answer is the same frame."""
    return sealed(bytes([unit, WRITE_COIL]) + coil.to_bytes(2, "big") + (b"\xff\x00" if on else b"\x00\x00"))


def bits_answer(unit: int, function: int, count: int) -> Callable[[bytearray], tuple[bool, ...] | None]:
    """Taker of the bits that answer `read_request`. Raises ModbusRefusalError on an exception frame."""
    size = (count + 7) // 8
    head = bytes([unit, function, size])

    def take(buffer: bytearray) -> tuple[bool, ...] | None:
        _raise_refusal(buffer, unit, function)
        frame = _take(buffer, head, len(head) + size + 2)
        if frame is None:
            return None
        bits = int.from_bytes(frame[3:-2], "little")
        return tuple(bool(bits >> n & 1) for n in range(count))

    return take


def echo_answer(request: bytes) -> Callable[[bytearray], bool | None]:
    """Taker of the answer to `write_request`. Raises ModbusRefusalError on an exception frame."""

    def take(buffer: bytearray) -> bool | None:
        _raise_refusal(buffer, request[0], request[1])
        return True if _take(buffer, request, len(request)) else None

    return take


def _raise_refusal(buffer: bytearray, unit: int, function: int) -> None:
    frame = _find(bytes(buffer), bytes([unit, function | 0x80]), 5)
    if frame is not None:
        raise ModbusRefusalError(frame[2])


def _take(buffer: bytearray, head: bytes, size: int) -> bytes | None:
    frame = _find(bytes(buffer), head, size)
    if frame is not None:
        buffer.clear()
    return frame


def _find(data: bytes, head: bytes, size: int) -> bytes | None:
    at = data.find(head)
    while at >= 0:
        frame = data[at : at + size]
        if len(frame) == size and crc(frame[:-2]) == frame[-2:]:
            return frame
        at = data.find(head, at + 1)
    return None
