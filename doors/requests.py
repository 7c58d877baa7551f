"""What every door does with a request: its body is read in time and to a limit, and a refusal says why in sentences."""

import asyncio
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from activities.discreet import kind_of
from intake.events import EventError, NotTakenError
from intake.lingering import LingeringResponse

# one name for the lines of all doors: they are one process's
LOG = logging.getLogger("ingress")
# When to deliver again what could not be taken: a restarted database or server is back by then.
_RETRY_AFTER = timedelta(seconds=5)
# What is left unread of a request makes its connection useless for another.
_CLOSED = {"Connection": "close"}


class Patience(NamedTuple):
    """How long others are waited for."""

    body: timedelta = timedelta(seconds=10)  # for the whole of it: 26 KB a second are enough
    readiness: timedelta = timedelta(seconds=5)


class RefusedError(Exception):
    """A request is not done. Of one that is `unread` the rest is still on its way."""

    def __init__(
        self, status: int, *problems: str, unread: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        self.status, self.problems, self.unread, self.headers = status, problems, unread, headers


async def read_body(request: Request, most_bytes: int, patience: Patience) -> bytes:
    """Read a body. Raises RefusedError for one that is too large, does not come in time, or breaks off."""
    try:
        async with asyncio.timeout(patience.body.total_seconds()):
            return await _body(request, most_bytes)
    except TimeoutError:
        raise RefusedError(408, "the body did not come in time: send it at once", headers=_CLOSED) from None
    except ClientDisconnect:
        raise RefusedError(400, "the body broke off") from None  # nobody hears it


async def _body(request: Request, most_bytes: int) -> bytes:
    sentence = f"the body is larger than {most_bytes} bytes: shorten it"
    too_large = RefusedError(413, sentence, unread=True, headers=_CLOSED)
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_large
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise too_large
    return bytes(body)


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what may go wrong while something is taken into RefusedError; `what` names it in the log, and no person."""
    try:
        yield
    except EventError as error:
        LOG.info("%s: refused", what)
        raise RefusedError(422, *error.problems) from None
    except NotTakenError as error:
        LOG.warning("%s: %s", what, error)
        headers = {"Retry-After": f"{_RETRY_AFTER.total_seconds():.0f}"}
        raise RefusedError(503, str(error), headers=headers) from None
    except Exception as error:  # its words may quote a lead's data, so nobody is told them
        frames = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("%s: %s\n%s", what, kind_of(error), frames)  # noqa: TRY400  # see above
        raise RefusedError(500, "it failed by our own fault; our log says where: deliver it again") from None


async def say(_: Request, refused: Exception) -> JSONResponse:
    """Answer a request that was refused."""
    if not isinstance(refused, RefusedError):
        raise refused
    content = {"problems": list(refused.problems)}
    kind = LingeringResponse if refused.unread else JSONResponse
    return kind(content, refused.status, headers=refused.headers)
