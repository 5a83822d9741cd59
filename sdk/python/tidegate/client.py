"""A blocking client: one connection, one request at a time, safe to ask again."""

from __future__ import annotations

import secrets
import socket
import time
from typing import NamedTuple, Optional, Sequence

from . import frames
from .frames import ANSWER, ASKED_BEFORE, MORE, BadBody, BadFrame, Frame, Status

#: `line` of a refusal that blames no line.
NO_LINE = 0xFFFFFFFF
#: Warehouse, sku, reason and other plain numbers are as docs/WIRE.md says.
GOODS_CAME_IN = 1


class TidegateError(Exception):
    """Anything that a call can end in, other than its answer."""


class Refused(TidegateError):
    """Decided: no, and nothing changed. `line`, `asked` and `there` say what would have to be different."""

    def __init__(self, status: Status, line: Optional[int], asked: int, there: int):
        where = "" if line is None else f" at line {line}"
        super().__init__(f"{status.name}{where}: {status.meaning} (asked {asked}, there {there})")
        self.status, self.line, self.asked, self.there = status, line, asked, there


class Unavailable(TidegateError):
    """Nothing was done, and the time to try was up. `status` is the last answer; None where there was none."""

    def __init__(self, why: str, status: Optional[Status] = None):
        super().__init__(why)
        self.status = status


class OutcomeUnknown(TidegateError):
    """It may have been done. Ask again with `request`, or look for it with `get_by_request`."""

    def __init__(self, why: str, request: int):
        super().__init__(f"{why}; it may have been done: ask again with request id {request:#034x}")
        self.request = request


class Answer(NamedTuple):
    """Head and items as dicts by field, and the bytes given back."""

    head: dict
    items: list
    tail: bytes


class _Lost(Exception):
    """The connection is gone, or cannot be trusted any more."""


class Client:
    """Talks to one server. Not for several threads at once: give each its own.

    A call takes at most `patience` seconds, asking again included. Calls that change something take a request id
    (`request`), or make one: after OutcomeUnknown, call again with the one that it names and `asked_before=True`.
    """

    def __init__(self, host: str, port: int, *, patience: float = 10.0, name: str = "tidegate-python"):
        self._address = (host, port)
        self._patience = patience
        self._name = name
        self._socket: Optional[socket.socket] = None
        self._unread = b""
        self._correlation = 0
        self._server_time_us = 0
        self._told_at = 0.0
        #: What HELLO's answer says: bounds, server, store; None before the first connection.
        self.hello: Optional[Answer] = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection. The next call opens another."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._unread = None, b""

    def connect(self) -> Answer:
        """Connects and says HELLO, if that was not done; HELLO's answer."""
        if self._socket is None:
            try:
                self._connect(time.monotonic() + self._patience)
            except _Lost as lost:
                raise Unavailable(str(lost)) from lost
        assert self.hello is not None, "connected without HELLO"
        return self.hello

    def request_id(self) -> int:
        """A fresh request id by the server's clock."""
        self.connect()
        since = time.monotonic() - self._told_at
        return (self._server_time_us + int(since * 1e6)) // 1000 << 80 | secrets.randbits(80)

    def ping(self) -> int:
        """The server's time, microseconds since 1970-01-01 UTC."""
        server_time = self.read("PING").head["server_time"]
        self._clock(server_time)
        return server_time

    def create(
        self, user: int, lines: list, total: int, currency: int, *, coupons: Sequence[int] = (),
        client_bytes: bytes = b"", hold: int = 0, **again
    ) -> dict:
        """Makes an order. `lines` are (sku, quantity) or (sku, quantity, warehouse); money in minor units.

        At most four `coupons`; the total is what is left to pay.
        """
        head = {"user": user, "hold": hold, "total": total, "currency": currency, **_coupons(coupons)}
        return self.change("CREATE", head, _lines(lines), client_bytes, **again).head

    def prepare(self, user: int, lines: list, currency: int, *, coupons: Sequence[int] = ()) -> Answer:
        """Checks and prices a basket; holds nothing."""
        head = {"user": user, "currency": currency, **_coupons(coupons)}
        return self.read("PREPARE", head, _lines(lines))

    def cancel(self, order: int, user: int, *, version: int = 0, why: int = 0, **again) -> dict:
        """Ends an order before it is paid."""
        return self.change("CANCEL", {"user": user, "order": order, "version": version, "why": why}, **again).head

    def get(self, order: int, user: int = 0) -> Answer:
        """An order, its lines and the client's own bytes."""
        return self.read("GET", {"order": order, "user": user})

    def get_by_request(self, user: int, request: int) -> Answer:
        """The order that this request made."""
        return self.read("GET", {"user": user, "request": request})

    def list(self, user: int, *, before: int = 0, limit: int = 100, state: int = 0) -> Answer:
        """A page of a user's orders, newest first; `head["next"]` is the `before` of the next one, 0 on the last.

        A page that names a `state` may have few items, or none, and still a `next`.
        """
        return self.read("LIST", {"user": user, "before": before, "limit": limit, "state": state})

    def history(self, order: int, user: int = 0) -> list:
        """How an order came to its state, oldest first."""
        return self.read("HISTORY", {"order": order, "user": user}).items

    def ship(
        self, order: int, lines: Optional[dict] = None, *, carrier: str = "", tracking: str = "", version: int = 0, **again
    ) -> dict:
        """Units of an order leave: `lines` are units by sku, or without them all that is left; the order in a few words."""
        head = {"order": order, "version": version, "carrier": carrier, "tracking": tracking}
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in (lines or {}).items()]
        return self.change("SHIP", head, items, **again).head

    def track(self, order: int, user: int = 0) -> Answer:
        """The shipments of an order: an item a line of each, oldest shipment first."""
        return self.read("TRACK", {"order": order, "user": user})

    def track_note(self, order: int, shipment: int, note: str, **again) -> dict:
        """Where a shipment is, in its carrier's words; the order in a few words."""
        return self.change("TRACK", {"order": order, "number": shipment, "note": note}, **again).head

    def sign(self, order: int, *, version: int = 0, **again) -> dict:
        """The buyer signed for an order."""
        return self.change("SIGN", {"order": order, "version": version}, **again).head

    def confirm_receipt(self, order: int, user: int, *, version: int = 0, **again) -> dict:
        """The buyer has it all: the order is complete."""
        return self.change("CONFIRM_RECEIPT", {"user": user, "order": order, "version": version}, **again).head

    def aftersale_open(
        self, order: int, user: int, sku: int, *, units: int = 0, amount: int = 0, why: int = 0,
        exchange: bool = False, **again
    ) -> dict:
        """Opens a case about a line: money for `units` that come back, or without them money alone; with `exchange`
        other units for them and no money. The case."""
        head = {"order": order, "user": user, "sku": sku, "units": units, "amount": amount, "why": why}
        kind = 3 if exchange else 2 if units else 1
        return self.change("AFTERSALE_OPEN", {**head, "kind": kind}, **again).head

    def aftersale_get(self, order: int, user: int = 0) -> Answer:
        """The after-sales cases of an order, oldest first."""
        return self.read("AFTERSALE_GET", {"order": order, "user": user})

    def aftersale_decide(
        self, order: int, number: int, accept: bool, *, amount: int = 0, why: int = 0, **again
    ) -> dict:
        """Decides a case; amount 0: what was asked for. The case as it stands then."""
        head = {"order": order, "number": number, "accept": accept, "amount": amount, "why": why}
        return self.change("AFTERSALE_DECIDE", head, **again).head

    def aftersale_receive(
        self, order: int, number: int, *, condition: int = 1, warehouse: int = 0, **again
    ) -> dict:
        """The goods of a case came back: 1 sellable, 2 unavailable, 3 not kept. The case as it stands then; an exchange
        that is SOLD_OUT stays as it is."""
        head = {"order": order, "number": number, "condition": condition, "warehouse": warehouse}
        return self.change("AFTERSALE_RECEIVE", head, **again).head

    def pay_open(self, order: int, user: int, gateway: int, **again) -> dict:
        """Opens an attempt to pay an order; the payment as it stands then."""
        return self.change("PAY_OPEN", {"order": order, "user": user, "gateway": gateway}, **again).head

    def pay_get(self, payment: int = 0, user: int = 0, *, order: int = 0) -> dict:
        """A payment attempt, or the latest one of an order."""
        return self.read("PAY_GET", {"payment": payment, "order": order, "user": user}).head

    def pay_close(self, payment: int, user: int = 0, **again) -> dict:
        """Gives a payment attempt up."""
        return self.change("PAY_CLOSE", {"payment": payment, "user": user}, **again).head

    def refund(self, payment: int, amount: int = 0, *, why: int = 0, **again) -> dict:
        """Asks for money of a payment to go back; amount 0: all that is left of it."""
        return self.change("REFUND", {"payment": payment, "amount": amount, "why": why}, **again).head

    def settle(self, order: int, payment: int, *, version: int = 0, **again) -> dict:
        """Takes the money of a mismatched payment for its order's total; the order."""
        head = {"order": order, "payment": payment, "version": version, "action": 1}
        return self.change("REPAIR", head, **again).head

    def restock(self, order: int, *, version: int = 0, **again) -> dict:
        """Sells units to an order in STOCK_EXCEPTION after all; the order."""
        head = {"order": order, "payment": 0, "version": version, "action": 2}
        return self.change("REPAIR", head, **again).head

    def pay_callback(
        self, key: bytes, payment: int, gateway: int, *, amount: int = 0, currency: int = 0, reference: int = 0,
        paid: bool = True, signed_at: Optional[int] = None
    ) -> dict:
        """Says, as the gateway with this key, how an attempt went."""
        head = {"payment": payment, "gateway": gateway, "amount": amount, "currency": currency}
        head.update(reference=reference, outcome=1 if paid else 2, signed_at=signed_at or self.ping())
        return self.read("PAY_CALLBACK", frames.signed("PAY_CALLBACK", head, key)).head

    def refund_result(
        self, key: bytes, payment: int, gateway: int, number: int, amount: int, *, succeeded: bool = True,
        signed_at: Optional[int] = None
    ) -> dict:
        """Says, as the gateway with this key, how a refund went."""
        head = {"payment": payment, "gateway": gateway, "number": number, "amount": amount}
        head.update(succeeded=succeeded, signed_at=signed_at or self.ping())
        return self.read("REFUND_RESULT", frames.signed("REFUND_RESULT", head, key)).head

    def coupon_define(
        self, coupon: int, currency: int, opens: int, closes: int, *, amount: int = 0, basis_points: int = 0,
        skus: Sequence[int] = (), sale: int = 0, replaces: int = 0, threshold: int = 0, quota: int = 0,
        user_quota: int = 0, group: int = 0, rank: int = 0, must_claim: bool = False, **again
    ) -> int:
        """Makes or replaces a coupon, good for every line unless `skus` or a `sale` are named; its version.

        It takes `amount` off, or `basis_points` of what is left and then at most `amount`, if that is not 0.
        """
        head = {"coupon": coupon, "currency": currency, "opens": opens, "closes": closes, "amount": amount}
        head.update(basis_points=basis_points, sale=sale, replaces=replaces, threshold=threshold, quota=quota)
        head.update(user_quota=user_quota, group=group, rank=rank, must_claim=must_claim)
        head["scope"] = 2 if skus else 3 if sale else 1
        items = [{"sku": sku} for sku in skus]
        return self.change("COUPON_DEFINE", head, items, **again).head["version"]

    def coupon_claim(self, coupon: int, user: int, **again) -> dict:
        """Takes a coupon for a user; what the user has of it then."""
        return self.change("COUPON_CLAIM", {"coupon": coupon, "user": user}, **again).head

    def coupon_check(self, user: int, coupons: Sequence[int], lines: list, currency: int) -> Answer:
        """What coupons would do for a basket; nothing is locked."""
        head = {"user": user, "currency": currency, **_coupons(coupons)}
        return self.read("COUPON_CHECK", head, _lines(lines))

    def coupon_get(self, coupon: int, user: int = 0) -> Answer:
        """A coupon, its skus, and what a user has of it."""
        return self.read("COUPON_GET", {"coupon": coupon, "user": user})

    def coupon_list(self, *, after: int = 0, limit: int = 100) -> Answer:
        """Coupons by id, without their skus."""
        return self.read("COUPON_LIST", {"after": after, "limit": limit})

    def stock(self, sku: int, warehouse: int = 0) -> dict:
        """A shelf; warehouse 0 sums over all of the sku."""
        return self.read("STOCK_GET", {"sku": sku, "warehouse": warehouse}).head

    def stock_adjust(self, sku: int, warehouse: int, on_hand_delta: int, *, reason: int = GOODS_CAME_IN, **again) -> dict:
        """Adds units to a shelf or takes them; the shelf as it stands then."""
        head = {"sku": sku, "warehouse": warehouse, "on_hand_delta": on_hand_delta, "reason": reason}
        return self.change("STOCK_ADJUST", head, **again).head

    def prepare_hold(self, user: int, lines: list, currency: int, **again) -> Answer:
        """Checks and prices a basket and holds its units; `create` takes over `head["hold"]`."""
        head = {"user": user, "currency": currency, "hold": True}
        return self.change("PREPARE", head, _lines(lines), **again)

    def stock_reserve(self, user: int, lines: list, hold_seconds: int, **again) -> dict:
        """Sets units aside without an order (user 0: an operator's); the hold."""
        head = {"user": user, "hold_seconds": hold_seconds}
        return self.change("STOCK_RESERVE", head, _lines(lines), **again).head

    def stock_release(self, user: int, hold: int, **again) -> dict:
        """Frees what a hold set aside; the hold as it stands then."""
        return self.change("STOCK_RELEASE", {"user": user, "hold": hold}, **again).head

    def stock_commit(self, user: int, hold: int, **again) -> dict:
        """Sells what a hold set aside, without an order; the hold as it stands then."""
        return self.change("STOCK_COMMIT", {"user": user, "hold": hold}, **again).head

    def stock_extend(self, user: int, hold: int, hold_seconds: int, **again) -> dict:
        """Makes a hold longer, and never shorter; the hold as it stands then."""
        head = {"user": user, "hold": hold, "hold_seconds": hold_seconds}
        return self.change("STOCK_EXTEND", head, **again).head

    def stock_transfer(self, sku: int, source: int, target: int, units: int, **again) -> dict:
        """Moves units between warehouses; both shelves as they stand then, "from.on_hand" and so on."""
        head = {"sku": sku, "units": units, "from": source, "to": target}
        return self.change("STOCK_TRANSFER", head, **again).head

    def stock_return(self, sku: int, warehouse: int, units: int, **again) -> dict:
        """Takes sold units back onto a shelf; the shelf as it stands then."""
        head = {"sku": sku, "units": units, "warehouse": warehouse}
        return self.change("STOCK_RETURN", head, **again).head

    def sku_put(
        self, sku: int, unit_price: int, currency: int, *, replaces: int = 0, hold_seconds: int = 900, seller: int = 0,
        weight_grams: int = 0, open: bool = True, **again
    ) -> int:
        """Makes or replaces a sku; the version that stands then."""
        head = {"sku": sku, "unit_price": unit_price, "currency": currency, "replaces": replaces}
        head.update(hold_seconds=hold_seconds, seller=seller, weight_grams=weight_grams, open=open)
        return self.change("SKU_PUT", head, **again).head["version"]

    def sku(self, sku: int) -> dict:
        """A sku and what speaks for it now."""
        return self.read("SKU_GET", {"sku": sku}).head

    def limit_put(self, user: int, list: int = 0, *, sale_units: int = 0, until: int = 0, **again) -> None:
        """Puts a user on a list (1 blocked, 2 preferred, 0 none), gives them a limit of their own in sales, until a
        time (µs UTC) or, with 0, until it is changed."""
        head = {"limit.user": user, "limit.list": list, "limit.sale_units": sale_units, "limit.until": until}
        self.change("LIMIT_PUT", head, **again)

    def limits(self, after: int = 0) -> Answer:
        """Up to 100 users above this one for whom something is set, a dict each."""
        return self.read("LIMIT_LIST", {"after": after, "limit": 100})

    def scan(self, **filters):
        """Every order in memory, newest first, a dict each: by `state`, `sku`, `sale`, `user`, made at `from` or later
        and before `to` (µs UTC). `from` is a word of Python: write `**{"from": time}`."""
        before = 0
        while True:
            answer = self.read("ORDERS_SCAN", {"limit": 100, "before": before, **filters})
            yield from answer.items
            before = answer.head["next"]
            if before == 0:
                return

    def switch(
        self, scope: int, id: int = 0, *, creating: bool = False, paying: bool = False, changing: bool = False,
        replaces: int = 0, note: str = "", **again
    ) -> int:
        """Stops something for the whole shop (scope 1), a sale (2) or a sku (3); nothing lets it go on. The version
        that this change made."""
        stops = creating + 2 * paying + 4 * changing
        head = {"scope": scope, "id": id, "stops": stops, "replaces": replaces, "note": note}
        return self.change("SWITCH", head, **again).head["version"]

    def switches(self) -> list:
        """The switches that are set, a dict each."""
        found = []
        while True:
            after = {"after_scope": found[-1]["scope"], "after_id": found[-1]["id"]} if found else {}
            answer = self.read("SWITCH_LIST", {"limit": 100, **after})
            found += answer.items
            if not answer.head["more"]:
                return found
    def freight_put(
        self, seller: int, currency: int, base: int, *, free_from: int = 0, by: int = 1, first: int = 0, step: int = 0,
        per_step: int = 0, replaces: int = 0, **again
    ) -> int:
        """Makes or replaces what a seller takes for sending, `by` 1 total, 2 weight, 3 count; the version that stands
        then. Money in minor units."""
        head = {"seller": seller, "currency": currency, "base": base, "free_from": free_from, "by": by}
        head.update(first=first, step=step, per_step=per_step, replaces=replaces)
        return self.change("FREIGHT_PUT", head, **again).head["version"]

    def freight_list(self, after_seller: int = 0, after_currency: int = 0, limit: int = 100) -> list:
        """Freight rules by seller and currency, behind these two."""
        head = {"after_seller": after_seller, "after_currency": after_currency, "limit": limit}
        return self.read("FREIGHT_LIST", head).items

    def stats(self) -> dict:
        """What the server counted."""
        return self.read("STATS").head

    def subscribe(
        self, *, after: Optional[int] = None, cursor: str = "", types: tuple = (), user: int = 0, sku: int = 0,
        sale: int = 0
    ) -> Subscription:
        """Follows events, on a connection of its own: behind the position `after` (0: from the beginning), behind the
        named `cursor`, or from now on. `types` are names such as "OrderCreated"."""
        return Subscription(self._address, self._patience, self._name, after, cursor, {
            "types": sum(1 << frames.event_number(name) for name in types), "user": user, "sku": sku, "sale": sale,
        })

    def ack(self, cursor: str, position: int) -> int:
        """Moves a named cursor on, durably; where it stands then, as it never moves back."""
        return self.read("ACK", {"cursor": cursor, "position": position}).head["position"]

    def forget_cursor(self, cursor: str) -> None:
        """Forgets a named cursor."""
        self.read("ACK", {"cursor": cursor, "forget": True})

    def park_letter(self, subscriber: str, position: int, reason: str, **again) -> int:
        """Parks an event that this subscriber (the name of its cursor) cannot take; how many are parked now."""
        return self._letter(1, subscriber, position, reason, **again)

    def retry_letter(self, subscriber: str, position: int, **again) -> int:
        """Has a subscriber told again of what it parked."""
        return self._letter(2, subscriber, position, "", **again)

    def drop_letter(self, subscriber: str, position: int, **again) -> int:
        """Drops what a subscriber parked."""
        return self._letter(3, subscriber, position, "", **again)

    def dead_letters(self, after: tuple = ("", 0), limit: int = 100) -> list:
        """What is parked, by subscriber and position, behind the letter `after`."""
        head = {"subscriber": after[0], "position": after[1], "limit": limit, "action": 0}
        return self.read("DEAD_LETTERS", head).items

    def _letter(self, action, subscriber, position, reason, **again) -> int:
        head = {"action": action, "subscriber": subscriber, "position": position, "reason": reason}
        return self.change("DEAD_LETTERS", head, **again).head["parked"]

    def read(self, kind: str, head: Optional[dict] = None, items: Optional[list] = None) -> Answer:
        """Asks what changes nothing."""
        return self._ask(kind, head, items, b"", 0, False)

    def change(
        self, kind: str, head: dict, items: Optional[list] = None, tail: bytes = b"", *,
        request: Optional[int] = None, asked_before: bool = False
    ) -> Answer:
        """Asks what changes something, as often as needed, always with the same request id.

        `asked_before` belongs to a `request` that an earlier call sent.
        """
        if request is None:
            request = self.request_id()
        return self._ask(kind, {**head, "request": request}, items, tail, request, asked_before)

    def _ask(self, kind, head, items, tail, request, asked_before) -> Answer:
        until = time.monotonic() + self._patience
        pause, perhaps_done = 0.02, False
        while True:
            sent = False
            try:
                if self._socket is None:
                    self._connect(until)
                sent = True
                frame = self._exchange(kind, head, items, tail, request, asked_before, until)
            except (_Lost, OSError) as lost:
                self.close()
                frame, why = None, str(lost) or type(lost).__name__
            asked_before = asked_before or sent
            if frame is not None and frame.status is None:
                return Answer(frame.head, frame.items, frame.tail)
            status = frame.status if frame is not None else None
            # Once an ask is in doubt, a later «nothing was done» speaks of that later ask only.
            perhaps_done = perhaps_done or (sent and (status is None or status.what in ("outcome unknown", "session")))
            if status is not None:
                why = f"{status.name}: {status.meaning}"
                pause = max(pause, frame.time_ms / 1000)
                if status.what == "refused":
                    raise self._refused(frame)
                if status.what == "session":
                    self.close()
            if time.monotonic() + pause >= until:
                if perhaps_done and request:
                    raise OutcomeUnknown(why, request)
                raise Unavailable(why, status)
            time.sleep(pause)
            pause = min(pause * 2, 1.0)

    def _refused(self, frame: Frame) -> Refused:
        assert frame.status is not None, "only refusals come here"
        line, asked, there = frame.head["line"], frame.head["asked"], frame.head["there"]
        if frame.status.name == "REQUEST_ID_EXPIRED":
            self._clock(there)
        return Refused(frame.status, None if line == NO_LINE else line, asked, there)

    def _connect(self, until: float) -> None:
        """Connects and says HELLO."""
        try:
            self._socket = socket.create_connection(self._address, timeout=max(0.001, until - time.monotonic()))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello = {"client": self._name, "client_version": "0.1.0"}
            frame = self._exchange("HELLO", hello, None, b"", 0, False, until)
        except (_Lost, OSError) as lost:
            self.close()
            raise _Lost(f"{self._address[0]}:{self._address[1]} cannot be reached: {lost}") from lost
        if frame.status is not None:
            self.close()
            raise _Lost(f"HELLO was answered {frame.status.name}")
        self.hello = Answer(frame.head, frame.items, frame.tail)
        self._clock(frame.head["server_time"])

    def _clock(self, server_time_us: int) -> None:
        self._server_time_us, self._told_at = server_time_us, time.monotonic()

    def _exchange(self, kind, head, items, tail, request, asked_before, until) -> Frame:
        """Sends a request and reads until its answer is whole."""
        self._correlation += 1
        code = frames.kind_code(kind)
        time_ms = max(1, int((until - time.monotonic()) * 1000))
        flags = ASKED_BEFORE if asked_before and request else 0
        data = frames.encode(code, head, items, tail, flags=flags, time_ms=time_ms, correlation=self._correlation)
        self._socket.settimeout(max(0.001, until - time.monotonic()))
        self._socket.sendall(data)
        gathered: list = []
        while True:
            frame = self._read_frame(until)
            if frame.correlation != self._correlation or frame.kind != code | ANSWER:
                # GOAWAY comes unasked; what was taken before it is still answered. All else ends the session.
                if frame.kind == frames.kind_code("GOAWAY") | ANSWER and frame.correlation == 0:
                    continue
                raise _Lost(f"the server ended the session: {frame.status.name if frame.status else 'a stray answer'}")
            gathered += frame.items
            if not frame.flags & MORE:
                return frame._replace(items=gathered)

    def _read_frame(self, until: float) -> Frame:
        try:
            while True:
                length = frames.split(self._unread)
                if length is not None:
                    data, self._unread = self._unread[:length], self._unread[length:]
                    return frames.decode(data)
                self._socket.settimeout(max(0.001, until - time.monotonic()))
                received = self._socket.recv(1 << 16)
                if not received:
                    raise _Lost("the server closed the connection")
                self._unread += received
        except (BadFrame, BadBody) as bad:
            raise _Lost(f"the server sent no frame of this wire: {bad}") from bad


class Subscription:
    """Events, one after the other and without a gap, over lost connections and restarts of the server.

    An event is a dict of the fields of the wire's struct, with its `name` and its `items` (a dict each line or shelf).
    """

    #: Events and bytes that the server may send ahead of what was taken.
    _EVENTS, _BYTES = 1024, 1 << 20

    def __init__(self, address, patience, name, after, cursor, filters):
        self._client = Client(*address, patience=patience, name=name)
        self._filters, self._cursor = filters, cursor
        self._through: Optional[int] = after
        self._correlation = 0
        self._ready: list = []
        self._taken_events = self._taken_bytes = 0
        #: Position of the last event that `next` returned.
        self.position = 0

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends it. Nothing else has to be told to the server."""
        self._client.close()

    def next(self, patience: float) -> Optional[dict]:
        """The next event; None where none came within so many seconds."""
        until = time.monotonic() + patience
        while not self._ready and time.monotonic() < until:
            try:
                if self._client._socket is None:
                    self._open(until)
                self._receive(until)
            except (_Lost, OSError):
                self._client.close()
                time.sleep(max(0.0, min(0.05, until - time.monotonic())))
        if not self._ready:
            return None
        event = self._ready.pop(0)
        self.position = event["position"]
        return event

    def ack(self) -> None:
        """Moves the named cursor behind the last event that `next` returned; the server keeps it from here on."""
        if not self._cursor:
            raise ValueError("this subscription has no named cursor")
        # On a connection of its own: on this one, events stand between question and answer.
        host, port = self._client._address
        with Client(host, port, patience=self._client._patience, name=self._client._name) as client:
            client.ack(self._cursor, self.position)

    def _open(self, until: float) -> None:
        self._client._connect(until)
        if self._through is not None:
            begin = {"from": 1, "position": self._through, "cursor": self._cursor}
        elif self._cursor:
            begin = {"from": 2, "cursor": self._cursor}
        else:
            begin = {"from": 0}
        head = {**self._filters, **begin, "credit_events": self._EVENTS, "credit_bytes": self._BYTES}
        self._correlation = self._send("SUBSCRIBE", head)
        self._taken_events = self._taken_bytes = 0

    def _send(self, kind: str, head: dict) -> int:
        client = self._client
        client._correlation += 1
        data = frames.encode(frames.kind_code(kind), head, None, b"", correlation=client._correlation)
        client._socket.sendall(data)
        return client._correlation

    def _receive(self, until: float) -> None:
        try:
            frame = self._client._read_frame(until)
        except socket.timeout:
            return  # Nothing came; half a frame stays where it is.
        if frame.correlation != self._correlation or frame.kind != frames.kind_code("SUBSCRIBE") | ANSWER:
            return  # The answer to a grant, or GOAWAY: the end of the connection follows.
        if frame.status is not None:
            if frame.status.what == "refused":
                raise self._client._refused(frame)
            raise _Lost(frame.status.name)
        if self._through is not None and frame.head["after"] != self._through:
            raise _Lost("a gap between frames")
        self._through = frame.head["through"]
        events = _events(frame.items)
        self._ready += events
        self._taken_events += len(events)
        self._taken_bytes += len(frame.items) * frames.struct_bytes("Event")
        if self._taken_events >= self._EVENTS // 2 or self._taken_bytes >= self._BYTES // 2:
            credit = {"credit_events": self._taken_events, "credit_bytes": self._taken_bytes}
            self._send("ACK", {"subscription": self._correlation, **credit})
            self._taken_events = self._taken_bytes = 0


def _events(items: list) -> list:
    """The items of each event together."""
    events: list = []
    for item in items:
        if item["part"] == 0:
            events.append({**item, "name": frames.event_name(item["event"]), "items": []})
        events[-1]["items"].append(item)
    return events


def _coupons(coupons: Sequence[int]) -> dict:
    places = ("coupons.first", "coupons.second", "coupons.third", "coupons.fourth")
    if len(coupons) > len(places):
        raise ValueError(f"at most {len(places)} coupons")
    return dict(zip(places, coupons))


def _lines(lines: list) -> list:
    named = ("sku", "quantity", "warehouse")
    return [dict(zip(named, line)) for line in lines]
