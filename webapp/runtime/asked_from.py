"""Whose request is being answered, by address: what limits count that no new listener may evade."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

from webapp.runtime.limits import network_of

_address: ContextVar[str | None] = ContextVar("address", default=None)


def note(address: str | None) -> None:
    """From here on, in this thread or task, work is done for somebody at this address."""
    _address.set(address)


def network() -> str:
    """What limits are counted by, of whoever is being answered; "" where that is nobody from outside."""
    address = _address.get()
    return "" if address is None else network_of(address)


class AskedFrom:
    """Notes the address of every request; pages' handlers and named endpoints do so by themselves (``ui.handlers``)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http":
            note(scope["client"][0] if scope.get("client") else "")
        await self.app(scope, receive, send)
