"""Where one request ends and the next begins: what leaves that in doubt is refused, and its connection is closed."""

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSE = (b"connection", b"close")
_DOUBTFUL = (
    "content-length: must not stand beside transfer-encoding, nor transfer-encoding in HTTP/1.0: send one of them"
)


class FramedRequests:
    """Goes around an application: refuses a request of doubtful length, reads no second one after an unread body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        length, encoding = headers.get("content-length"), headers.get("transfer-encoding")
        # A proxy in front may go by the other one of the two, and take for a body what is a request here, or the
        # reverse. RFC 9112, 6.1: such a request ought to be handled as an error, and its connection must be closed.
        if encoding is not None and (length is not None or scope["http_version"] == "1.0"):
            refusal = JSONResponse({"problems": [_DOUBTFUL]}, 400, headers={"Connection": "close"})
            await refusal(scope, receive, send)
        elif encoding is None and length in (None, "0"):
            await self._app(scope, receive, send)
        else:
            body = _Body(receive, send)
            await self._app(scope, body.receive, body.send)


class _Body:
    """Closes the connection of a request that is answered before its body was read: else the rest is read for ever."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._is_read = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._is_read:
            others = [header for header in message["headers"] if header[0].lower() != _CLOSE[0]]
            message = {**message, "headers": [*others, _CLOSE]}
        await self._send(message)
