"""The door for whoever wants no more mail: a link in each mail, one click, no login (RFC 8058).

Only a POST unsubscribes. Whatever looks at links on its way (scanners, previews, prefetching) asks with GET or HEAD.
"""

from datetime import UTC, datetime
from math import ceil
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.exc import SQLAlchemyError

from domain.event import EVENT, Event, EventType
from intake.events import NotTakenError
from mail.links import read_token
from store.engine import is_down
from store.links import Linked, find_by_hash, read_link_key
from web.inside import Inside
from web.limits import DoorLimits
from web.rates import RateLimit
from web.requests import LOG, RefusedError, read_body, refusals

# What mail programs send is `List-Unsubscribe=One-Click`; it says nothing that the link does not.
MOST_BYTES = 4096
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address of the page is the link
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
# a form without an action posts to where it came from, by whatever name the proxy in front has
_ASK = '<p>You will get no more messages like this one.</p>\n<form method="post"><button>Unsubscribe</button></form>'
_DONE = "<p>You are unsubscribed. You may close this page.</p>"
_NOT_DONE = {
    429: "<p>Too many requests come from your network just now. Please try again in a minute.</p>",
    404: "<p>This link is not known here. Was it cut off? Please open it from the message once more.</p>",
    503: "<p>That did not work just now, and nothing was lost. Please try again in a minute.</p>",
}
_FAILED = "<p>That did not work. Please open the link from the message once more.</p>"


def unsubscribe_door(inside: Inside, limits: DoorLimits) -> APIRouter:
    """Build `/unsubscribe/{token}`."""
    router, desk = APIRouter(default_response_class=HTMLResponse), _Desk(inside)

    @router.get("/unsubscribe/{token}", responses=_answers("A page with a button."), openapi_extra=_operation())
    async def ask(request: Request) -> HTMLResponse:
        """Show a page with a button that unsubscribes; nothing changes."""
        try:
            _count(request, limits.unsigned)
            await desk.find(request.path_params["token"])
        except RefusedError as refused:
            return _refusal(refused)
        return _page("Unsubscribe?", _ASK)

    @router.post(
        "/unsubscribe/{token}", responses=_answers("It is done.", post=True), openapi_extra=_operation(post=True)
    )
    async def unsubscribe(request: Request) -> HTMLResponse:
        """Unsubscribe the recipient of the message that the link came with; as often as anybody likes."""
        try:
            _count(request, limits.unsigned)
            async with read_body(request, MOST_BYTES, limits):
                pass  # it says nothing that the link does not
            await desk.unsubscribe(request.path_params["token"])
        except RefusedError as refused:
            return _refusal(refused)
        return _page("Unsubscribed", _DONE)

    router.add_api_route("/unsubscribe/{token}", ask, methods=["HEAD"], include_in_schema=False)
    return router


class _Desk:
    """Knows which draft a token stands for, and whose mails end with it. Raises RefusedError."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._key: bytes | None = None  # it never changes, so it is read once

    async def find(self, token: str) -> tuple[str, Linked]:
        """Find the message hash that a token holds, and its draft."""
        with refusals("a link to unsubscribe"):
            found = await self._find(token)
        if found is None:
            raise RefusedError(404, "the link is not known here")
        return found

    async def unsubscribe(self, token: str) -> None:
        """Take the recipient's word as an event: its facts are stored, and its workflows know."""
        event = _event(*await self.find(token))
        with refusals(f"event {event.id} {event.type}"):
            answer = await self._inside.events.deliver(event)
        LOG.info("event %s %s: %s", event.id, event.type, answer.done)

    async def _find(self, token: str) -> tuple[str, Linked] | None:
        try:
            async with self._inside.engine.connect() as connection:
                if self._key is None:
                    self._key = await read_link_key(connection)
                message_hash = read_token(self._key, token)
                linked = message_hash and await find_by_hash(connection, self._inside.workspace, message_hash)
        except SQLAlchemyError as error:
            if not is_down(error):
                raise
            raise NotTakenError("PostgreSQL can't be reached") from error
        return (message_hash, linked) if message_hash and linked else None


def _count(request: Request, rate: RateLimit) -> None:
    """Count what a client asks. Raises RefusedError when it asks too often."""
    wait = rate.seconds_to_wait(request.client.host if request.client else "")
    if wait:
        headers = {"Retry-After": str(ceil(wait)), "Connection": "close"}
        raise RefusedError(429, "too many requests come from this address", headers=headers)


def _event(message_hash: str, linked: Linked) -> Event:
    """Say what happened, always by the same id; by another one once an operator has lifted what it did."""
    again = f":{linked.lifted_at.astimezone(UTC):%Y%m%dT%H%M%S.%f}" if linked.lifted_at else ""
    email = linked.recipient if "@" in linked.recipient else None  # else it was forgotten
    said = {"type": EventType.UNSUBSCRIBED, "data": {"lead_id": linked.lead_id, "email": email}}
    return EVENT.validate_python({**said, "id": f"unsubscribe:{message_hash}{again}", "timestamp": datetime.now(UTC)})


def _refusal(refused: RefusedError) -> HTMLResponse:
    words = _NOT_DONE.get(refused.status, _FAILED)
    return _page("Not done", words, refused.status, headers=refused.headers)


def _page(title: str, words: str, status: int = 200, *, headers: dict[str, str] | None = None) -> HTMLResponse:
    head = f'<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>{title}</title>'
    page = f'<!doctype html>\n<html lang="en">\n{head}\n<h1>{title}</h1>\n{words}\n</html>\n'
    return HTMLResponse(page, status, headers=_HEADERS | (headers or {}))


def _answers(done: str, *, post: bool = False) -> dict[int | str, dict[str, Any]]:
    words = {200: done, 404: "No message has this link.", 429: "Too many requests come from this address."}
    words[503] = "Try again: what was stored by now counts."
    if post:
        words |= {408: "The body did not come in time.", 413: "The body is too large."}
    return {status: {"description": text, "content": {"text/html": {}}} for status, text in words.items()}


def _operation(*, post: bool = False) -> dict[str, Any]:
    token = {
        "name": "token",
        "in": "path",
        "required": True,
        "description": "As it stands in the List-Unsubscribe header of a message.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{48}$"},
        "example": "A" * 48,
    }
    one_click = {"List-Unsubscribe": {"type": "string", "example": "One-Click"}}
    form = {"schema": {"type": "object", "properties": one_click}}
    body = {"content": {"application/x-www-form-urlencoded": form, "multipart/form-data": form}}
    return {"parameters": [token]} | ({"requestBody": body} if post else {})
