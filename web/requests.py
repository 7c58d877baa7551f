"""What every door does with a request: its body is read in time and to a limit, and a refusal says why in sentences."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from activities.redaction import kind_of
from intake.events import EventError, NotTakenError
from web.limits import BodyShare, DoorLimits, NoRoomError
from web.signatures import SignatureError, Signatures

# one name for the lines of all doors: they are one process's
LOG = logging.getLogger("ingress")
# When to deliver again what could not be taken: a restarted database or server is back by then.
_RETRY_AFTER = timedelta(seconds=5)
_AGAIN = {"Retry-After": f"{_RETRY_AFTER.total_seconds():.0f}"}
# What is left unread of a request makes its connection useless for another.
_CLOSED = {"Connection": "close"}


class RefusedError(Exception):
    """A request is not done; `problems` say why in sentences."""

    def __init__(self, status: int, *problems: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.problems, self.headers = status, problems, headers


@asynccontextmanager
async def signed_body(
    request: Request, signatures: Signatures, most_bytes: int, limits: DoorLimits
) -> AsyncIterator[bytes]:
    """Read a body that is signed; it counts as in flight until the context ends.

    Raises RefusedError, and reads nothing of a body that no signature among the headers can fit.
    """
    try:
        signatures.check_headers(request.headers)
    except SignatureError as error:
        raise RefusedError(401, str(error), headers=_CLOSED) from None
    async with read_body(request, most_bytes, limits) as body:
        try:
            signatures.check(body, request.headers)
        except SignatureError as error:
            raise RefusedError(401, str(error)) from None
        yield body


@asynccontextmanager
async def read_body(request: Request, most_bytes: int, limits: DoorLimits) -> AsyncIterator[bytes]:
    """Read a body; it counts as in flight until the context ends.

    Raises RefusedError for one that is too large, does not come in time, breaks off, or finds no memory left.
    """
    with limits.bodies.share() as share:
        try:
            async with asyncio.timeout(limits.patience.body.total_seconds()):
                body = await _body(request, most_bytes, share)
        except TimeoutError:
            raise RefusedError(408, "the body did not come in time: send it at once", headers=_CLOSED) from None
        except ClientDisconnect:
            raise RefusedError(400, "the body broke off") from None  # nobody hears it
        except NoRoomError:
            headers = _CLOSED | _AGAIN
            raise RefusedError(503, "too many large bodies come in now: send it again", headers=headers) from None
        yield body


async def _body(request: Request, most_bytes: int, share: BodyShare) -> bytes:
    too_large = RefusedError(413, f"the body is larger than {most_bytes} bytes: shorten it", headers=_CLOSED)
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_large
    body = bytearray()
    async for part in request.stream():
        if len(body) + len(part) > most_bytes:
            raise too_large
        share.grow_to(len(body) + len(part))
        body += part
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
        raise RefusedError(503, str(error), headers=_AGAIN) from None
    except Exception as error:  # its words may quote a lead's data, so nobody is told them
        frames = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("%s: %s\n%s", what, kind_of(error), frames)  # noqa: TRY400  # see above
        raise RefusedError(500, "it failed by our own fault; our log says where: deliver it again") from None


async def say(_: Request, refused: Exception) -> JSONResponse:
    """Answer a request that was refused."""
    if not isinstance(refused, RefusedError):
        raise refused
    return JSONResponse({"problems": list(refused.problems)}, refused.status, headers=refused.headers)
