"""The client against a scripted server: what it sends, and when it asks again."""

import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tidegate import Client, OutcomeUnknown, Refused, Unavailable, frames  # noqa: E402

NOW_US = 1_781_784_000_000_000
ORDER = {"order": 77, "user": 42, "total": 1999, "version": 1, "currency": 978, "state": 2}
NO_LINE = 0xFFFFFFFF


class Server:
    """Answers HELLO by itself, and every other request by the next step of a script.

    A step is ("ok", head), ("no", status name, retry ms), ("away", head), "hang up" or "garbage".
    """

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []
        self.hellos = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                data = b""
                while True:
                    received = connection.recv(65536)
                    if not received:
                        break
                    data += received
                    length = frames.split(data)
                    if length is None:
                        continue
                    frame, data = frames.decode(data[:length]), data[length:]
                    if not self._answer(connection, frame):
                        break

    def _answer(self, connection, frame):
        answer = frame.kind | frames.ANSWER
        if frame.kind == frames.kind_code("HELLO"):
            self.hellos += 1
            connection.sendall(frames.encode(answer, {"server_time": NOW_US}, correlation=frame.correlation))
            return True
        self.asked.append(frame)
        step = self.script.pop(0)
        if step == "hang up":
            return False
        if step == "garbage":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return True
        if step[0] == "no":
            code = frames.Status.named(step[1]).code
            refusal = {"line": NO_LINE, "asked": 2, "there": 1}
            connection.sendall(
                frames.encode_refusal(frame.kind, code, refusal, time_ms=step[2], correlation=frame.correlation)
            )
            return True
        if step[0] == "away":
            goaway = frames.Status.named("GOING_AWAY").code
            connection.sendall(frames.encode_refusal(frames.kind_code("GOAWAY"), goaway, {"line": NO_LINE}))
        connection.sendall(frames.encode(answer, step[1], correlation=frame.correlation))
        return step[0] != "away"


class Asking(unittest.TestCase):
    def create(self, *script, patience=5.0, **again):
        with Server(*script) as server, Client("127.0.0.1", server.port, patience=patience) as client:
            try:
                outcome = client.create(42, [(1001, 1)], 1999, 978, client_bytes=b"gift", **again)
            except (Refused, Unavailable, OutcomeUnknown) as error:
                outcome = error
        # However often it was asked: the same body, and every ask after the first says so.
        self.assertEqual(len({(frame.head["request"], frame.tail) for frame in server.asked}), 1)
        first = frames.ASKED_BEFORE if again.get("asked_before") else 0
        flags = [frame.flags for frame in server.asked]
        self.assertEqual(flags, [first] + [frames.ASKED_BEFORE] * (len(flags) - 1))
        return outcome, server

    def test_an_order_is_placed(self):
        outcome, server = self.create(("ok", ORDER))
        self.assertEqual((outcome["order"], len(server.asked), server.asked[0].tail), (77, 1, b"gift"))

    def test_request_ids_are_stamped_with_the_servers_time(self):
        _, server = self.create(("ok", ORDER))
        stamped_ms = server.asked[0].head["request"] >> 80
        self.assertLess(abs(stamped_ms - NOW_US // 1000), 5_000)

    def test_a_refusal_is_told_and_not_asked_again(self):
        outcome, server = self.create(("no", "INSUFFICIENT_STOCK", 0))
        self.assertIsInstance(outcome, Refused)
        self.assertEqual((outcome.status.name, outcome.line, outcome.asked, outcome.there), ("INSUFFICIENT_STOCK", None, 2, 1))
        self.assertEqual(len(server.asked), 1)

    def test_an_unknown_outcome_is_asked_again_with_the_same_request_id(self):
        outcome, server = self.create(("no", "OUTCOME_UNKNOWN", 0), ("ok", ORDER))
        self.assertEqual((outcome["order"], len(server.asked)), (77, 2))

    def test_a_lost_connection_is_asked_again_on_another(self):
        outcome, server = self.create("hang up", "garbage", ("ok", ORDER))
        self.assertEqual((outcome["order"], len(server.asked), server.hellos), (77, 3, 3))

    def test_overload_is_waited_out(self):
        began = time.monotonic()
        outcome, server = self.create(("no", "OVERLOADED", 150), ("ok", ORDER))
        self.assertEqual((outcome["order"], len(server.asked)), (77, 2))
        self.assertGreaterEqual(time.monotonic() - began, 0.15)

    def test_patience_that_ends_in_overload_says_that_nothing_was_done(self):
        outcome, _ = self.create(("no", "OVERLOADED", 60_000), patience=0.3)
        self.assertIsInstance(outcome, Unavailable)
        self.assertEqual(outcome.status.name, "OVERLOADED")

    def test_doubt_is_not_ended_by_a_later_overload(self):
        outcome, server = self.create("hang up", ("no", "OVERLOADED", 60_000), patience=0.5)
        self.assertIsInstance(outcome, OutcomeUnknown)
        self.assertEqual(outcome.request, server.asked[0].head["request"])

    def test_what_was_taken_before_goaway_is_answered(self):
        outcome, server = self.create(("away", ORDER))
        self.assertEqual((outcome["order"], len(server.asked)), (77, 1))

    def test_the_caller_asks_again_with_an_id_of_its_own(self):
        _, server = self.create(("ok", ORDER), request=5, asked_before=True)
        self.assertEqual(server.asked[0].head["request"], 5)

    def test_a_server_that_is_not_there_is_unavailable(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        with Client("127.0.0.1", port, patience=0.2) as client, self.assertRaises(Unavailable):
            client.ping()


if __name__ == "__main__":
    unittest.main()
