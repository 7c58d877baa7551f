"""The simulated week as a picture: a row for each lead, time from left to right, a dot for each mail."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from proof.week.leads import CLOSES, OPENS, PEOPLE, START, WEEK, Person
from proof.week.oracle import Mail

_LEFT, _TOP, _DAY, _ROW = 150, 44, 118, 30  # pixels: beside and above the rows, of a day, of a lead
_WIDTH, _BOTTOM = int(_LEFT + _DAY * (WEEK / timedelta(days=1)) + 14), _TOP + _ROW * len(PEOPLE)
_HALF_HOUR = timedelta(minutes=30)  # clocks change at whole and at half hours of UTC

# Whoever looks in the dark gets dark paper, with colours that are as far from it.
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.paper { fill: #ffffff } .line { stroke: #d1d9e0 } .window { fill: #cfe3f7 }
.holiday { fill: url(#hatch); stroke: #b35900 } .hatch { stroke: #b35900 }
.change { stroke: #b30000; stroke-width: 2 } .wait { stroke: #1f2328; stroke-dasharray: 2 3 }
.mail { fill: #0b4f9c; stroke: #ffffff } .due { fill: #ffffff; stroke: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #b1bac4 }
.paper { fill: #0d1117 } .line { stroke: #30363d } .window { fill: #1c3d5f }
.holiday, .hatch { stroke: #f0a04b } .change { stroke: #ff7b72 } .wait { stroke: #f0f6fc }
.mail { fill: #9ecbff; stroke: #0d1117 } .due { fill: #0d1117; stroke: #f0f6fc }
}"""
_HATCH = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="hatch" d="M0 0V6"/></pattern>'
)


def picture(mails: Sequence[Mail]) -> str:
    """Draw the week, as SVG."""
    height = _BOTTOM + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">',
        "<title>When each step reached each lead in the simulated week</title>",
        f"<style>{_STYLE}</style>",
        f"<defs>{_HATCH}</defs>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="6"/>',
        *_days(),
    ]
    for row, person in enumerate(PEOPLE):
        lines += _row(person, _TOP + _ROW * row, [mail for mail in mails if mail.person == person])
    return "\n".join([*lines, *_legend(), "</svg>", ""])


def _x(instant: datetime) -> float:
    inside = min(max(instant, START), START + WEEK)
    return round(_LEFT + _DAY * ((inside - START) / timedelta(days=1)), 1)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}"{kind and f" class={kind!r}"}>{words}</text>'


def _days() -> Iterator[str]:
    """The days, by UTC."""
    yield _text(10, _TOP - 14, "midnight, UTC:", "small")
    for number in range(1, WEEK.days + 1):
        midnight = datetime.combine(START + number * timedelta(days=1), time(), UTC)
        yield f'<path class="line" d="M{_x(midnight)} {_TOP - 8}V{_BOTTOM}"/>'
        yield _text(round(_x(midnight) - 27, 1), _TOP - 14, f"{midnight:%a} {midnight.day} {midnight:%b}", "small")


def _row(person: Person, top: int, mails: Sequence[Mail]) -> Iterator[str]:
    yield _text(10, top + 20, person.zone)
    yield f'<path class="line" d="M10 {top}H{_WIDTH - 10}"/>'
    for number in range(-1, WEEK.days + 2):
        yield from _window(person, (START + timedelta(days=number)).date(), top)
    for change in _changes(person):
        yield f'<path class="change" d="M{_x(change)} {top + 1}V{top + _ROW - 1}"/>'
    for mail in mails:
        yield from _mail(mail, top + _ROW // 2)


def _window(person: Person, day: date, top: int) -> Iterator[str]:
    """The hours of a workday in which a mail may be sent, or might be if it were no holiday."""
    opens, closes = (_x(datetime.combine(day, time(hour), person.clock).astimezone(UTC)) for hour in (OPENS, CLOSES))
    if day.isoweekday() < 6 and opens < closes:
        kind = "holiday" if day in person.days_off else "window"
        width = round(closes - opens, 1)
        yield f'<rect class="{kind}" x="{opens}" y="{top + 4}" width="{width}" height="{_ROW - 8}" rx="2"/>'


def _changes(person: Person) -> Iterator[datetime]:
    for number in range(WEEK // _HALF_HOUR):
        before, after = START + number * _HALF_HOUR, START + (number + 1) * _HALF_HOUR
        if before.astimezone(person.clock).utcoffset() != after.astimezone(person.clock).utcoffset():
            yield after


def _mail(mail: Mail, y: int) -> Iterator[str]:
    if mail.waited:
        yield f'<path class="wait" d="M{_x(mail.due)} {y}H{_x(mail.sent)}"/>'
        yield f'<circle class="due" cx="{_x(mail.due)}" cy="{y}" r="3"/>'
    words = f"{mail.person.zone}, step {mail.step}: {mail.sent.astimezone(mail.person.clock):%a %H:%M}"
    yield f'<circle class="mail" cx="{_x(mail.sent)}" cy="{y}" r="5"><title>{words}</title></circle>'


def _legend() -> Iterator[str]:
    y = _BOTTOM + 16
    yield f'<path class="line" d="M10 {_BOTTOM}H{_WIDTH - 10}"/>'
    yield f'<rect class="window" x="{_LEFT}" y="{y}" width="26" height="12" rx="2"/>'
    yield _text(_LEFT + 32, y + 10, f"{OPENS:02}:00 to {CLOSES}:00, Monday to Friday", "small")
    yield f'<rect class="holiday" x="{_LEFT + 230}" y="{y}" width="26" height="12" rx="2"/>'
    yield _text(_LEFT + 262, y + 10, "a holiday there", "small")
    yield f'<path class="change" d="M{_LEFT + 370} {y - 2}v16"/>'
    yield _text(_LEFT + 378, y + 10, "the clock goes forward", "small")
    yield f'<path class="wait" d="M{_LEFT + 526} {y + 6}h44"/>'
    yield f'<circle class="due" cx="{_LEFT + 526}" cy="{y + 6}" r="3"/>'
    yield f'<circle class="mail" cx="{_LEFT + 570}" cy="{y + 6}" r="5"/>'
    yield _text(_LEFT + 582, y + 10, "fell due, was held, was sent", "small")
