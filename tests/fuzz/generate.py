"""Inputs without a guide: the corpus, cut, spliced, repeated and spoiled; for one seed always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

ODD = (
    *(b"\0", b"\xff", b"\n", b"\r", b"\t", b"=", b'"', b"#", b"/", b"../", b":", b"@", b"-", b"\x1b["),
    *(b"0x", b"9" * 20, b"-1", b"\xef\xbb\xbf", b"\xc3\x28", "é".encode(), b"%s", b"$(id)", b"[", b"{"),
)
LONGEST = 65_536


def generated(corpus: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Without an end."""
    source = random.Random(seed)
    while True:
        data = bytearray(source.choice(corpus))
        for _ in range(source.randint(1, 4)):
            at = source.randint(0, len(data))
            to = min(len(data), at + source.choice((1, 1, 2, 4, 16, 64)))
            match source.randrange(7):
                case 0:
                    data[at:to] = source.randbytes(to - at)
                case 1:
                    del data[at:to]
                case 2:
                    data[at:at] = source.choice(ODD) * source.choice((1, 1, 1, 3, 100))
                case 3:
                    other = source.choice(corpus)
                    begin = source.randint(0, len(other))
                    data[at:to] = other[begin : begin + source.randint(0, 200)]
                case 4:
                    data[at:at] = data[at:to] * source.choice((2, 8, 1000))
                case 5:
                    if at < len(data):
                        data[at] ^= 1 << source.randrange(8)
                case 6:
                    data[at:] = b""
        yield bytes(data[:LONGEST])
