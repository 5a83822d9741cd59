"""Frames: bytes to values and back. What the bytes mean is in docs/WIRE.md; nothing here talks to a socket."""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Any, NamedTuple, Optional

from ._tables import EVENTS, KINDS, LAYOUTS, MESSAGES, STATUSES
from .crc32c import crc32c

HEADER_BYTES = 48
FRAME_BYTES_MAX = 1 << 20
FRAME_BYTES_MAX_BEFORE_HELLO = 512
MAGIC = b"TG"
VERSION = 1
ANSWER = 0x8000
#: At the end of what a gateway signs: HMAC-SHA256.
SIGNATURE_BYTES = 32
#: Flag of an answer: more frames of it follow.
MORE = 1
#: Flag of a request: its request id was sent before.
ASKED_BEFORE = 2

_CODES = {name: code for code, name in KINDS.items()}
_EVENT_NUMBERS = {name: number for number, name in EVENTS.items()}
_STATUS_CODES = {name: code for code, (name, _, _) in STATUSES.items()}
# length, magic, version, flags, kind, status, time_ms, correlation, trace, items, crc32c
_HEADER = struct.Struct("<I2sBBHHIQ16sII")


class Status(NamedTuple):
    """Why a request was not done. A number that this client does not know keeps it, and is never retried."""

    code: int
    name: str
    #: "refused", "try again", "outcome unknown" or "session"
    what: str
    meaning: str

    @classmethod
    def of(cls, code: int) -> Status:
        name, what, meaning = STATUSES.get(code, (f"STATUS_{code:04X}", "refused", "A status of a later version."))
        return cls(code, name, what, meaning)

    @classmethod
    def named(cls, name: str) -> Status:
        return cls.of(_STATUS_CODES[name])


class Frame(NamedTuple):
    """A frame taken apart. Structs are dicts by field; `status` is None unless the frame says no."""

    kind: int
    status: Optional[Status]
    flags: int
    time_ms: int
    correlation: int
    trace: bytes
    head: dict
    items: list
    tail: bytes


class BadFrame(Exception):
    """The bytes are no frame, and what follows them cannot be trusted. `status` says why."""

    def __init__(self, status: str):
        super().__init__(f"{status}: {Status.named(status).meaning}")
        self.status = Status.named(status)


class BadBody(Exception):
    """The frame is whole, but its body is not what its kind says."""


def kind_code(name: str) -> int:
    """The number of a request's kind: "CREATE" is 0x0102."""
    return _CODES[name]


def event_number(name: str) -> int:
    """The number of a type of event: "OrderCreated" is 1."""
    return _EVENT_NUMBERS[name]


def event_name(number: int) -> str:
    """The name of a type of event; one that this client does not know keeps its number."""
    return EVENTS.get(number, f"Event{number}")


def encode(
    kind: int,
    head: Optional[dict] = None,
    items: Optional[list] = None,
    tail: bytes = b"",
    *,
    flags: int = 0,
    time_ms: int = 0,
    correlation: int = 0,
    trace: bytes = bytes(16),
) -> bytes:
    """A whole frame. The length of `tail` is written into the head for you."""
    head_of, item_of, least, most, tail_field, tail_most = MESSAGES[kind]
    items = items or []
    if not least <= len(items) <= most:
        raise ValueError(f"{least} to {most} items, not {len(items)}")
    if len(tail) > tail_most:
        raise ValueError(f"at most {tail_most} bytes of the client's own, not {len(tail)}")
    head = dict(head or {})
    if tail_field:
        head[tail_field] = len(tail)
    body = _pack(head_of, head) + b"".join(_pack(item_of, item) for item in items) + tail
    return _seal(kind, 0, body, len(items), flags, time_ms, correlation, trace)


def signed(name: str, head: dict, key: bytes) -> dict:
    """The head of a PAY_CALLBACK or REFUND_RESULT with the signature of the gateway that has this key."""
    code = kind_code(name)
    unsigned = dict(head, signature_first=0, signature_second=0)
    said = _pack(MESSAGES[code][0], unsigned)[:-SIGNATURE_BYTES]
    mac = hmac.new(key, struct.pack("<H", code) + said, hashlib.sha256).digest()
    first, second = mac[:16], mac[16:]
    return dict(head, signature_first=int.from_bytes(first, "little"), signature_second=int.from_bytes(second, "little"))


def encode_refusal(
    kind: int, status: int, refusal: dict, *, time_ms: int = 0, correlation: int = 0, trace: bytes = bytes(16)
) -> bytes:
    """The answer that says no; servers and tests write it."""
    return _seal(kind | ANSWER, status, _pack("Refusal", refusal), 0, 0, time_ms, correlation, trace)


def split(data: bytes, frame_bytes_max: int = FRAME_BYTES_MAX) -> Optional[int]:
    """How long the frame is that begins here; None when more bytes are needed. BadFrame for what is none."""
    if len(data) < 7:
        return None
    length = int.from_bytes(data[:4], "little")
    if data[4:6] != MAGIC:
        raise BadFrame("BAD_FRAME")
    if data[6] != VERSION:
        raise BadFrame("UNSUPPORTED_VERSION")
    if length < HEADER_BYTES:
        raise BadFrame("BAD_FRAME")
    if length > frame_bytes_max:
        raise BadFrame("FRAME_TOO_LARGE")
    if len(data) < length:
        return None
    if crc32c(data[:44] + bytes(4) + data[HEADER_BYTES:length]) != int.from_bytes(data[44:48], "little"):
        raise BadFrame("BAD_CHECKSUM")
    return length


def decode(data: bytes) -> Frame:
    """Takes apart a whole frame, as `split` found it."""
    _, _, _, flags, kind, code, time_ms, correlation, trace, count, _ = _HEADER.unpack(data[:HEADER_BYTES])
    status = Status.of(code) if code else None
    if status:
        message = ("Refusal", "Nothing", 0, 0, None, 0)
    elif kind in MESSAGES:
        message = MESSAGES[kind]
    else:
        raise BadBody(f"kind {kind:04X} is not known")
    head_of, item_of, least, most, tail_field, _ = message
    head_bytes, item_bytes = struct_bytes(head_of), struct_bytes(item_of)
    items_from = HEADER_BYTES + head_bytes
    tail_from = items_from + count * item_bytes
    if not least <= count <= most or len(data) < tail_from:
        raise BadBody(f"{count} items in {len(data)} bytes of kind {kind:04X}")
    head = _unpack(head_of, data[HEADER_BYTES:items_from])
    items = [_unpack(item_of, data[at : at + item_bytes]) for at in range(items_from, tail_from, item_bytes or 1)]
    tail = data[tail_from:]
    if len(tail) != (head[tail_field] if tail_field else 0):
        raise BadBody(f"{len(tail)} bytes behind the items of kind {kind:04X}")
    return Frame(kind, status, flags, time_ms, correlation, trace, head, items, tail)


def struct_bytes(layout: str) -> int:
    """The size of a struct."""
    return sum(size for _, _, size in LAYOUTS[layout])


def _seal(kind, status, body, count, flags, time_ms, correlation, trace):
    fields = (MAGIC, VERSION, flags, kind, status, time_ms, correlation, trace, count)
    frame = bytearray(_HEADER.pack(HEADER_BYTES + len(body), *fields, 0) + body)
    frame[44:48] = crc32c(frame).to_bytes(4, "little")
    return bytes(frame)


def _pack(layout: str, values: dict) -> bytes:
    fields = LAYOUTS[layout]
    unknown = set(values) - {name for name, _, _ in fields}
    if unknown:
        raise ValueError(f"{layout} has no {', '.join(sorted(unknown))}")
    return b"".join(_pack_field(kind, size, values.get(name, 0)) for name, kind, size in fields)


def _pack_field(kind: str, size: int, value: Any) -> bytes:
    if kind == "text":
        text = (value or "").encode("ascii")
        if len(text) > size:
            raise ValueError(f"at most {size} characters: {value!r}")
        return text.ljust(size, b"\0")
    return int(value).to_bytes(size, "little", signed=kind.startswith("i"))


def _unpack(layout: str, data: bytes) -> dict:
    values = {}
    at = 0
    for name, kind, size in LAYOUTS[layout]:
        values[name] = _unpack_field(kind, data[at : at + size])
        at += size
    return values


def _unpack_field(kind: str, data: bytes) -> Any:
    if kind == "text":
        text = data.split(b"\0", 1)[0]
        # Bytes of the network never reach a terminal as they are.
        return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in text)
    number = int.from_bytes(data, "little", signed=kind.startswith("i"))
    if kind == "bool":
        if number > 1:
            raise BadBody(f"a bool of {number}")
        return bool(number)
    return number
