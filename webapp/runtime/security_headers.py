"""What every answer tells the browser: run nothing from elsewhere, guess no types, say nothing to other sites."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio starts components from strings and inline scripts, and draws with blobs and data URLs.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors {frames}"
)
WITH_TOKENS = ("/api/listener", "/gradio_api/queue/", "/gradio_api/call/", "/gradio_api/run/")


class SecurityHeaders:
    """Adds them; what an answer says itself stays. ``frame_ancestors``: which sites may show the pages in a frame."""

    def __init__(self, app: ASGIApp, frame_ancestors: str) -> None:
        self.app = app
        self._policy = POLICY.format(frames=frame_ancestors)
        self._frames = f"frame-ancestors {frame_ancestors}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = headers.get("content-security-policy")
                headers["Content-Security-Policy"] = f"{own}; {self._frames}" if own else self._policy
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                if "set-cookie" in headers or scope["path"].startswith(WITH_TOKENS):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, answered)
