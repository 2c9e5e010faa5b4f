"""A small picture for the demo: bars, as a PNG."""

import struct
import zlib
from collections.abc import Sequence

BAR, GAP, HEIGHT = 24, 8, 120
PAPER, INK, GROUND = 0, 1, 2  # places in the palette
PALETTE = bytes.fromhex("ffffff 2743d6 8d8980")


def bars(values: Sequence[int]) -> bytes:
    """Return a chart of the values, the largest as high as the picture allows."""
    width = GAP + len(values) * (BAR + GAP)
    largest = max(*values, 1)
    rows = []
    for y in range(HEIGHT, 0, -1):
        row = bytearray([PAPER]) * GAP
        for value in values:
            colour = INK if value * (HEIGHT - GAP) >= y * largest else PAPER
            row += bytes([colour]) * BAR + bytes([PAPER]) * GAP
        rows.append(bytes(row))
    rows += [bytes([GROUND]) * width] * 2
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)  # 8 bits, with a palette
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = [(b"IHDR", header), (b"PLTE", PALETTE), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
