"""Follows what happens to an order: python3 follow_events.py 127.0.0.1:7171"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tidegate import Client  # noqa: E402

EUR = 978
SKU = 4_712


def main() -> None:
    host, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7171").rsplit(":", 1)
    with Client(host, int(port)) as client:
        client.sku_put(SKU, 5_00, EUR, replaces=0)
        client.stock_adjust(SKU, 1, 10)
        with client.subscribe(after=0, sku=SKU, types=("OrderCreated", "OrderCancelled")) as events:
            order = client.create(7, [(SKU, 2)], 10_00, EUR)["order"]
            client.cancel(order, 7)
            for expected in ("OrderCreated", "OrderCancelled"):
                event = events.next(10)
                assert event is not None and (event["name"], event["order"]) == (expected, order), event
                print(f"{event['name']} at position {event['position']}: {len(event['items'])} line")
            assert events.next(0.2) is None, "nothing else happened"

        # A named cursor is kept by the server: whoever comes later goes on behind it.
        name = "follow_events.py"
        with client.subscribe(cursor=name) as events:
            first = events.next(10)
            assert first is not None and first["position"] == 1
            events.ack()
        with client.subscribe(cursor=name) as events:
            second = events.next(10)
            assert second is not None and second["previous"] == 1 and second["position"] > 1
        # What it cannot take it parks; when somebody has looked, it is told again.
        with client.subscribe(cursor=name) as events:
            event = events.next(10)
            assert client.park_letter(name, event["position"], "no such bin") == 1
            assert [letter["reason"] for letter in client.dead_letters()] == ["no such bin"]
            assert client.retry_letter(name, event["position"]) == 0
            while event["again"] == 0:
                event = events.next(10)
            assert (event["again"], event["name"]) == (2, "StockAdjusted"), event
        client.forget_cursor(name)
        # More than the server may send at once: credit is granted as events are taken.
        orders = [client.create(user, [(SKU, 1)], 5_00, EUR)["order"] for user in range(10, 18)]
        with client.subscribe(after=0) as events:
            events._EVENTS = 4
            seen = [events.next(10) for _ in range(2 + 4 + 2 * len(orders))]
            created = [event["order"] for event in seen if event and event["name"] == "OrderCreated"]
            assert created == [order, *orders], created
        print("every event came once and in order")


if __name__ == "__main__":
    main()
