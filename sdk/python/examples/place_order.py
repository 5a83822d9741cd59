#!/usr/bin/env python3
"""Places, reads and cancels an order: python3 examples/place_order.py 127.0.0.1:7171

Works on an empty server: it first makes the sku and puts units on a shelf, as an operator would.
"""

import pathlib
import secrets
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tidegate import Client, Refused, TidegateError  # noqa: E402

EURO = 978
PRICE = 19_99
CANCELLED = 12
# States of a hold.
OPEN, COMMITTED, RELEASED = 1, 3, 4


def main(target: str) -> None:
    host, _, port = target.rpartition(":")
    with Client(host.strip("[]"), int(port), name="place_order.py") as shop:
        print(f"connected to {shop.connect().head['server']}")
        # A sku of its own, so that the example can run again.
        sku, user = secrets.randbits(48), 1 + secrets.randbits(40)
        shop.sku_put(sku, PRICE, EURO, hold_seconds=900)
        shelf = shop.stock_adjust(sku, 1, 10)
        print(f"sku {sku} has {shelf['sellable']} units to sell")

        order = shop.create(user, [(sku, 2)], 2 * PRICE, EURO, client_bytes=b"as a gift, please")
        print(f"order {order['order']}: {order['total'] / 100:.2f} EUR to pay")

        found = shop.get(order["order"], user)
        assert found.head["brief.order"] == order["order"] and found.tail == b"as a gift, please"
        assert [(line["sku"], line["quantity"]) for line in found.items] == [(sku, 2)]
        held = shop.stock(sku)
        assert (held["held"], held["sellable"]) == (2, 8), held
        print(f"read back: {len(found.items)} line, {held['held']} units held")

        try:
            shop.create(user, [(sku, 9)], 9 * PRICE, EURO)
        except Refused as no:
            assert (no.status.name, no.asked, no.there) == ("INSUFFICIENT_STOCK", 9, 8), no
            print(f"refused as it should be: {no}")
        else:
            raise AssertionError("nine units of eight were sold")

        gone = shop.cancel(order["order"], user)
        assert gone["state"] == CANCELLED, gone
        assert shop.stock(sku)["sellable"] == 10
        steps = [(row["from"], row["to"]) for row in shop.history(order["order"], user)]
        coupon, hour = secrets.randbits(48), 3_600_000_000
        shop.coupon_define(coupon, EURO, 0, shop.ping() + hour, amount=5_00, user_quota=1, skus=[sku], must_claim=True)
        assert shop.coupon_claim(coupon, user)["claimed"] == 1
        checked = shop.coupon_check(user, [coupon], [(sku, 1)], EURO)
        assert [(it["discount"], it["status"]) for it in checked.items] == [(5_00, 0)], checked
        priced = shop.prepare(user, [(sku, 1)], EURO, coupons=[coupon]).head
        order = shop.create(user, [(sku, 1)], priced["total"], EURO, coupons=[coupon])
        assert order["total"] == PRICE - 5_00
        found = shop.get(order["order"], user).head
        assert (found["coupons.first"], found["coupon_discounts.first"]) == (coupon, 5_00), found
        shop.cancel(order["order"], user)
        assert shop.coupon_get(coupon, user).head["taken.locked"] == 0
        assert coupon in [it["coupon"] for it in shop.coupon_list(after=coupon - 1, limit=1).items]

        held = shop.prepare_hold(user, [(sku, 3)], EURO).head
        order = shop.create(user, [(sku, 3)], held["total"], EURO, hold=held["hold"])
        assert shop.get(order["order"], user).head["hold"] == held["hold"]
        shop.cancel(order["order"], user)
        hold = shop.stock_reserve(user, [(sku, 4)], 60)["hold"]
        assert shop.stock_extend(user, hold, 600)["state"] == OPEN
        assert shop.stock(sku)["sellable"] == 6
        assert shop.stock_release(user, hold)["state"] == RELEASED
        print("held ahead of an order, and without one")

        moved = shop.stock_transfer(sku, 1, 2, 10)
        assert (moved["from.on_hand"], moved["to.on_hand"]) == (0, 10), moved
        sold = shop.stock_reserve(user, [(sku, 1)], 60)["hold"]
        assert shop.stock_commit(user, sold)["state"] == COMMITTED
        assert shop.stock_return(sku, 2, 1)["sellable"] == 10
        print(f"cancelled, 10 units to sell again; its steps were {steps}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or ":" not in sys.argv[1]:
        sys.exit("usage: place_order.py HOST:PORT")
    try:
        main(sys.argv[1])
    except TidegateError as error:
        sys.exit(f"place_order.py: {error}")
