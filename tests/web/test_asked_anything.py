"""Every door is asked what its description allows and what it does not: whatever comes, the answer is one described."""

import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from domain.draft import DraftKey, draft_id
from mail.links import make_token
from store.links import read_link_key
from tests.app import App, enrolled
from tests.naming import message_id
from tests.store.enrolled import put_draft
from tests.web.post import Poster, signed, signed_mail

# 10 s are what this may cost
_EXAMPLES = 200
_MOSTLY, _SELDOM = st.sampled_from([True, True, True, False]), st.sampled_from([True, False, False, False])


class Asked(NamedTuple):
    """What may be asked of one operation, and the answers it is described to give."""

    label: str
    answers: frozenset[str]
    cases: st.SearchStrategy[Case[Any]]


@pytest.fixture
def operations(application: FastAPI) -> list[Asked]:
    schema = schemathesis.openapi.from_dict(application.openapi())
    return [
        Asked(
            operation.label,
            frozenset(operation.responses.status_codes),
            st.one_of([operation.as_strategy(generation_mode=mode) for mode in _modes(operation)]),
        )
        for operation in (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))
    ]


def _modes(operation: Any) -> list[GenerationMode]:
    """What has neither parameters nor body can't be asked wrongly."""
    return list(GenerationMode) if operation.path_parameters or operation.body else [GenerationMode.POSITIVE]


@pytest.fixture
async def link(app: App) -> AsyncIterator[str]:
    """The link of a mail that was sent. After all that was asked, no answer that is kept names an address."""
    await app.says(enrolled())
    instance = app.scene.instance()
    named = message_id(draft_id(DraftKey(instance, 1)), "example.test")
    async with app.scene.engine.begin() as connection:
        await put_draft(connection, instance, message_id=named, state="sent")
        token = make_token(await read_link_key(connection), named[1:41])
    yield f"/unsubscribe/{token}"
    assert await app.scene.rows("SELECT 1 FROM events WHERE answer->>'lead_id' LIKE '%@%'") == []


@settings(
    max_examples=_EXAMPLES,
    phases=[Phase.generate],  # what fails is shown as it is: shrinking would ask thousands of times
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_whatever_is_asked_the_answer_is_one_that_is_described_and_no_failure_of_ours(
    operations: list[Asked], link: str, poster: Poster, data: st.DataObject
) -> None:
    asked = data.draw(st.sampled_from([*operations, *[one for one in operations if "/events" in one.label] * 3]))
    request = _request(data.draw(asked.cases))
    if "unsubscribe" in asked.label and data.draw(_SELDOM, label="a good link"):
        request.url = httpx.URL("http://ingress" + link)
    if "/inbound" in asked.label and data.draw(_MOSTLY, label="signed"):
        request.headers.update(signed_mail(request.content) | {"content-type": request.headers.get("content-type", "")})
    if "/events" in asked.label and _is_text(request.content) and data.draw(_MOSTLY, label="signed"):
        request.headers.update(signed(request.content, event_id=f"evt-{uuid.uuid4().hex}"))
    response = await poster.http.send(request)
    assert str(response.status_code) in asked.answers, response.text
    assert response.status_code < 500, response.text


def _is_text(body: bytes) -> bool:
    """Whether anybody can sign it: Standard Webhooks signs texts."""
    try:
        return bool(body.decode()) or not body
    except UnicodeDecodeError:
        return False


def _bytes(body: Any) -> bytes:
    """What requests would send; multipart forms it has written out already."""
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _request(case: Case[Any]) -> httpx.Request:
    """The request to the byte, so that it can be signed."""
    made = requests.Request(**case.as_transport_kwargs(base_url="http://ingress")).prepare()
    headers = [
        (name.encode(), str(value).encode("latin-1"))
        for name, value in made.headers.items()
        if name != "Content-Length"
    ]
    return httpx.Request(made.method or "", made.url or "", content=_bytes(made.body), headers=headers)
