"""The golden vectors of protocol/vectors, both ways: values to bytes, bytes to values."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tidegate import frames  # noqa: E402
from tidegate.crc32c import crc32c  # noqa: E402

VECTORS = pathlib.Path(__file__).resolve().parents[3] / "protocol" / "vectors"


def records():
    """(file, fields by name) of every record."""
    for path in sorted(VECTORS.glob("*.txt")):
        for record in path.read_text().split("\n\n")[1:]:
            yield path.name, dict(line.split(" = ", 1) for line in record.strip("\n").replace(" =\n", " = \n").split("\n"))


def value(text):
    return text[1:-1] if text.startswith('"') else int(text, 0)


def structs(fields):
    """Head and items of a record."""
    head, items = {}, [{} for _ in range(int(fields["items"]))]
    for name, text in fields.items():
        if name.startswith("head."):
            head[name[len("head.") :]] = value(text)
        elif name.startswith("item."):
            _, place, field = name.split(".", 2)
            items[int(place)][field] = value(text)
    return head, items


class Vectors(unittest.TestCase):
    def test_the_checksum_is_castagnolis(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    def test_values_give_the_bytes(self):
        for file, fields in records():
            if "message" not in fields:
                continue
            with self.subTest(file=file, case=fields["case"]):
                head, items = structs(fields)
                kind, status = int(fields["kind"], 0), int(fields["status"], 0)
                common = {
                    "time_ms": int(fields["time_ms"]),
                    "correlation": int(fields["correlation"]),
                    "trace": bytes.fromhex(fields["trace"][2:]),
                }
                if status:
                    frame = frames.encode_refusal(kind, status, head, **common)
                else:
                    tail = bytes.fromhex(fields.get("tail", ""))
                    frame = frames.encode(kind, head, items, tail, flags=int(fields["flags"]), **common)
                self.assertEqual(frame.hex(), fields["hex"])

    def test_bytes_give_the_values(self):
        seen = set()
        for file, fields in records():
            if "message" not in fields:
                continue
            with self.subTest(file=file, case=fields["case"]):
                data = bytes.fromhex(fields["hex"])
                self.assertEqual(frames.split(data), len(data))
                frame = frames.decode(data)
                head, items = structs(fields)
                self.assertEqual((frame.head, frame.items), (head, items))
                self.assertEqual(frame.kind, int(fields["kind"], 0))
                self.assertEqual(frame.status.code if frame.status else 0, int(fields["status"], 0))
                self.assertEqual(frame.flags, int(fields["flags"]))
                self.assertEqual(frame.time_ms, int(fields["time_ms"]))
                self.assertEqual(frame.correlation, int(fields["correlation"]))
                self.assertEqual(frame.trace.hex(), fields["trace"][2:])
                self.assertEqual(frame.tail.hex(), fields.get("tail", ""))
                seen.add(frame.kind if not frame.status else "refusal")
        self.assertEqual(seen, set(frames.MESSAGES) | {"refusal"}, "every message has a vector")

    def test_bad_frames_are_told_apart(self):
        told = 0
        for file, fields in records():
            if "outcome" not in fields:
                continue
            with self.subTest(file=file, case=fields["case"]):
                data = bytes.fromhex(fields["hex"])
                try:
                    outcome = "NEED_MORE" if frames.split(data) is None else "FRAME"
                except frames.BadFrame as bad:
                    outcome = bad.status.name
                self.assertEqual(outcome, fields["outcome"])
                told += 1
        self.assertGreater(told, 8)

    def test_a_body_of_another_length_is_told(self):
        whole = frames.encode(frames.kind_code("CREATE"), {"user": 1}, [{"sku": 1, "quantity": 1}], b"gift")
        for cut in range(frames.HEADER_BYTES, len(whole)):
            with self.assertRaises(frames.BadBody):
                frames.decode(whole[:cut])
        with self.assertRaises(frames.BadBody):
            frames.decode(whole + b"\0")

    def test_what_is_out_of_bounds_is_not_written(self):
        create = frames.kind_code("CREATE")
        with self.assertRaises(ValueError):
            frames.encode(create, {"user": 1}, [])
        with self.assertRaises(ValueError):
            frames.encode(create, {"user": 1}, [{"sku": 1}], bytes(1025))
        with self.assertRaises(ValueError):
            frames.encode(create, {"usr": 1}, [{"sku": 1}])
        with self.assertRaises(OverflowError):
            frames.encode(create, {"user": -1}, [{"sku": 1}])


if __name__ == "__main__":
    unittest.main()
