"""The size that a JPEG claims, read from its head: a small file may unfold to gigabytes, so this is asked first."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOFn: start of frame, with height and width (ITU-T T.81, B.2.2)."""


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(height, width); None when this is no plainly built JPEG: what is not certain is not decoded."""
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker in _FRAMES:
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in {0x00, 0x01, *range(0xD0, 0xDB)} or length < 2:
            return None
        at += 2 + length
    return None
