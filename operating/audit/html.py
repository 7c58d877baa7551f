"""A report as one HTML file that needs nothing else: a sentence and a timeline picture for each finding."""

from datetime import datetime, timedelta
from typing import NamedTuple

from jinja2 import Environment

from operating.audit.finding import Finding, Report
from operating.audit.page import identity
from operating.audit.sending import span

_WIDTH, _LEFT, _RIGHT = 900, 20, 880
# Marks closer than this many points are drawn apart, one row each, so that none hides another.
_ROW = 18
_MOST_DRAWN = 60
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Follow-up audit</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem } section { margin: 1rem 0 2rem }
.ok { color: #176b3a; font-weight: 600 } .bad { color: #a11; font-weight: 600 }
svg { width: 100%; height: auto; background: #fafafa; border: 1px solid #ddd }
svg text { font: 11px ui-monospace, monospace; fill: #333 } code { font-size: .9em }
</style>
<h1>Follow-up audit</h1>
<p>Made {{ made.strftime("%Y-%m-%d %H:%M:%S") }} UTC. Looked at {{ looked or "nothing" }}.</p>
{% if counted %}<p>{{ counted }}</p>{% endif %}
{% if report.clean %}<p class="ok">Nothing is wrong.</p>{% else %}
<p class="bad">Found {{ report.found.total() }}{% if report.found.total() > drawn | length %}; \
the first {{ drawn | length }} are shown{% endif %}.</p>
<ul>{% for kind, count in report.found.items() %}<li>{{ count }} {{ kind }}</li>{% endfor %}</ul>
{% for one in drawn %}
<section id="finding-{{ loop.index }}">
<h2>{{ one.finding.kind }}: {{ one.finding.thread }}</h2>
<p>{{ one.finding.sentence }}</p>
<svg viewBox="0 0 {{ width }} {{ one.height }}" role="img" aria-label="timeline: {{ one.finding.sentence }}">
<line x1="{{ left }}" x2="{{ right }}" y1="22" y2="22" stroke="#888"/>
<text x="{{ left }}" y="14">{{ one.first }}</text>
<text x="{{ right }}" y="14" text-anchor="end">{{ one.last }}</text>
{% for dot in one.dots %}
<line x1="{{ dot.x }}" x2="{{ dot.x }}" y1="22" y2="{{ dot.y - 4 }}" stroke="#bbb"/>
<circle cx="{{ dot.x }}" cy="22" r="5" fill="#a11"/>
<text x="{{ dot.x }}" y="{{ dot.y + 6 }}" text-anchor="{{ dot.anchor }}">{{ dot.label }}</text>
{% endfor %}
</svg>
</section>
{% endfor %}{% endif %}
</html>
"""


class _Dot(NamedTuple):
    x: float
    y: int
    anchor: str
    label: str


class _Drawn(NamedTuple):
    finding: Finding
    dots: list[_Dot]
    height: int
    first: str
    last: str


def report_html(report: Report, made: datetime) -> str:
    """Write a report as HTML. Whatever it quotes is escaped."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    return template.render(
        report=report,
        made=made,
        looked=", ".join(f"{count:,} {what}" for what, count in report.looked_at.items()),
        counted=identity(dict(report.steps)) if report.steps else "",
        drawn=[_draw(finding) for finding in report.in_order()],
        width=_WIDTH,
        left=_LEFT,
        right=_RIGHT,
    )


def _draw(finding: Finding) -> _Drawn:
    marks = sorted(finding.marks)[:_MOST_DRAWN]
    if not marks:
        return _Drawn(finding, [], 44, "no instant is known", "")
    first, last = marks[0].at, marks[-1].at
    length = max((last - first) / timedelta(seconds=1), 0.001)
    dots = [
        _dot(_LEFT + (_RIGHT - _LEFT) * ((mark.at - first) / timedelta(seconds=1)) / length, row, mark.at, mark.label)
        for row, mark in enumerate(marks)
    ]
    ends = f"{last:%Y-%m-%d %H:%M:%S} UTC ({span(last - first)} later)" if len(marks) > 1 else ""
    return _Drawn(finding, dots, 44 + _ROW * len(dots), f"{first:%Y-%m-%d %H:%M:%S} UTC", ends)


def _dot(x: float, row: int, at: datetime, label: str) -> _Dot:
    anchor = "start" if x < _WIDTH / 2 else "end"
    return _Dot(round(x, 1), 40 + _ROW * row, anchor, f"{at:%H:%M:%S} {label}")
