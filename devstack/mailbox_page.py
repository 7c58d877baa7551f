"""The mailbox's web page: what was delivered, to be read and nothing else."""

import email
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from jinja2 import Environment

from devstack.mailbox_smtp import MailboxFolder

MOST_LISTED = 200  # a page that opens at once, however many were sent

# What a message says is a stranger's: it is escaped, and should that fail the browser still runs and loads nothing.
_GUARD = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = "body{font:15px system-ui;margin:2em}td,th{padding:.3em 1em .3em 0;text-align:left}pre{white-space:pre-wrap}"
_TEMPLATES = Environment(autoescape=True)
_LIST = _TEMPLATES.from_string(
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mailbox</title><style>{{ style }}</style>
<h1>Mailbox: {{ count }} message{{ "" if count == 1 else "s" }}</h1>
<table><tr><th>Time (UTC)<th>From<th>To<th>Subject<th>Message-ID</tr>
{% for row in rows -%}
<tr><td>{{ row.time }}<td>{{ row.sender }}<td>{{ row.to }}
<td><a href="/messages/{{ row.name }}">{{ row.subject }}</a><td><code>{{ row.message_id }}</code></tr>
{% endfor %}</table>{% if count > rows|length %}<p>The newest {{ rows|length }} are listed.{% endif %}</html>"""
)
_MESSAGE = _TEMPLATES.from_string(
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{ row.subject }}</title><style>{{ style }}</style>
<p><a href="/">Mailbox</a> · <a href="/messages/{{ row.name }}/source">as it came</a></p><h1>{{ row.subject }}</h1>
<p>{{ row.time }} UTC<br>From: {{ row.sender }}<br>To: {{ row.to }}<br>Message-ID: <code>{{ row.message_id }}</code></p>
<pre>{{ text }}</pre></html>"""
)


def build(folder: MailboxFolder) -> FastAPI:
    """Make the page of a folder."""
    page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @page.get("/")
    def messages() -> Response:
        names = folder.names()
        rows = [_row(folder.path / name) for name in names[:MOST_LISTED]]
        return HTMLResponse(_LIST.render(style=_STYLE, count=len(names), rows=rows), headers=_GUARD)

    @page.get("/messages/{name}")
    def message(name: str) -> Response:
        path = _existing(folder, name)
        return HTMLResponse(_MESSAGE.render(style=_STYLE, row=_row(path), text=_text(path)), headers=_GUARD)

    @page.get("/messages/{name}/source")
    def source(name: str) -> Response:
        return PlainTextResponse(_existing(folder, name).read_bytes(), headers=_GUARD)

    return page


def _existing(folder: MailboxFolder, name: str) -> Path:
    if name not in folder.names():  # so a name never leads out of the folder
        raise HTTPException(404, "there is no such message")
    return folder.path / name


def _row(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        headers = BytesHeaderParser().parse(file)
    day, time = path.name[:8], path.name[9:15]
    return {
        "name": path.name,
        "time": f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]}",
        "sender": _header(headers, "From"),
        "to": _header(headers, "To"),
        "subject": _header(headers, "Subject") or "(no subject)",
        "message_id": _header(headers, "Message-ID"),
    }


def _header(headers: Message, name: str) -> str:
    raw = str(headers.get(name, ""))
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):  # a malformed one is shown as it is
        return raw


def _text(path: Path) -> str:
    """Say what a person would read; a message that can't be taken apart is shown as it came."""
    raw = path.read_bytes()
    try:
        message = email.message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
        body = message.get_body(("plain", "html"))
        return str(body.get_content()) if body else raw.decode(errors="replace")
    except (LookupError, ValueError, AttributeError, TypeError):  # what the email package raises over malformed mail
        return raw.decode(errors="replace")
