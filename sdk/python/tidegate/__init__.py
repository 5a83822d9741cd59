"""Client of Tidegate, an order server for flash sales. Standard library only."""

from .client import Answer, Client, GOODS_CAME_IN, OutcomeUnknown, Refused, Subscription, TidegateError, Unavailable
from .frames import Status

__all__ = [
    "Answer", "Client", "GOODS_CAME_IN", "OutcomeUnknown", "Refused", "Status", "Subscription", "TidegateError",
    "Unavailable",
]
