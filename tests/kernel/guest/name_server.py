"""A name server that knows every name: `python name_server.py ADDRESS ANSWER`; needs nothing but Python."""

from __future__ import annotations

import socket
import sys

HEAD = 12  # RFC 1035, 4.1.1
TYPE_A = b"\x00\x01"


def answer(query: bytes, address: str) -> bytes:
    """The reply to a query of one question: an A record, and nothing for other types (RFC 1035, 4.1)."""
    end = query.index(b"\0", HEAD) + 5
    question = query[HEAD:end]
    is_a = question[-4:-2] == TYPE_A
    record = b"\xc0\x0c" + TYPE_A + b"\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton(address)
    head = query[:2] + b"\x85\x80\x00\x01" + (b"\x00\x01" if is_a else b"\x00\x00") + b"\x00\x00\x00\x00"
    return head + question + (record if is_a else b"")


def main(own: str, known: str) -> None:
    """Answer until the process is ended."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((own, 53))
        while True:
            query, client = server.recvfrom(512)
            server.sendto(answer(query, known), client)


if __name__ == "__main__":
    main(*sys.argv[1:])
