"""Until when somebody is away: by their own words, and only where those can be read in one way."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.inbound.mail import Inbound, read_inbound
from intake.inbound.message_class import InboundKind
from tests.intake.inbound.samples import mail

_HEAD = """
From: Grace Hopper <grace@example.test>
To: ada@example.test
Subject: {subject}
Date: Mon, 2 Feb 2026 09:00:00 +0100
Message-ID: <away@example.test>
In-Reply-To: <{ours}@example.test>
Auto-Submitted: auto-replied
"""


def _read(body: str, subject: str = "Automatic reply: Following up", more: str = "") -> Inbound:
    read = read_inbound(mail(_HEAD.replace("{subject}", subject).strip() + more, body))
    assert read.kind is InboundKind.AUTO_REPLY
    return read


def _until(body: str, subject: str = "Automatic reply: Following up") -> date | None:
    return _read(body, subject).away_until


_JUNE = "Your trial runs until 30 June 2026"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (f"Automatic reply: {_JUNE}", "I am away and back on Monday."),
        (_JUNE, "I am away."),
        (f"Out of office: {_JUNE}", f"I am away. You wrote of {_JUNE}, which I read later."),
        (
            "Auto",
            "I am away.\n\nLe lun. 2 févr. 2026 à 09:00, Ada Lovelace a écrit :\nThe offer is good until 30 June 2026.",
        ),
        ("Auto", "I am away.\n\nAm 02.02.2026 um 09:00 schrieb Ada Lovelace:\nThe offer is good until 30 June 2026."),
        ("Auto", "I am away.\n\nVon: Ada\nGesendet: Montag\nYou are away until 30 June 2026."),
        ("Auto", "I am away.\n________________________________\nYou are away until 30 June 2026."),
        (
            "Auto",
            "Away.\n\nOn Mon, Feb 2, 2026 at 9:00 AM Ada\n<ada@example.test> wrote:\nyou are out until 30 June 2026",
        ),
        ("Auto", "I am away.\n\nOp 2 februari 2026 schreef Ada:\nyou are out until 30 June 2026"),
        ("Auto", "I am away.\n-----Ursprüngliche Nachricht-----\nYou are away until 30 June 2026."),
        ("Auto", "> You are away until 30 June 2026.\n\nI am away."),
        ("Auto", "This mailbox is read until 30 June 2026."),
        ("Auto", "I am away. The old prices are good until 30 June 2026."),
        ("Auto", "I am away.\n-- \nGrace, in Paris until 30 June 2026, not in London"),
    ],
)
def test_days_of_ours_and_of_other_things_hold_nobody(subject: str, body: str) -> None:
    assert _until(body, subject) is None


@pytest.mark.parametrize(
    ("body", "day"),
    [
        ("I am away through 9 February 2026.", date(2026, 2, 10)),
        ("I am on leave up to and including February 9th, 2026", date(2026, 2, 10)),
        ("Ich bin bis einschließlich 9. Februar 2026 nicht im Büro.", date(2026, 2, 10)),
        ("Ich bin bis 9. Februar 2026 einschließlich abwesend", date(2026, 2, 10)),
        ("I am away until 9 February 2026 and back on 10 February 2026.", date(2026, 2, 10)),
        ("I will be back Monday, February 9, 2026.", date(2026, 2, 9)),
        ("I return to the office on Monday the 9th.", date(2026, 2, 9)),
        ("I am back on Monday, 9 March.", date(2026, 3, 9)),
        ("I am out of office until 20/02/2026", date(2026, 2, 20)),
        ("I am out of office until 02/20/2026", date(2026, 2, 20)),
        ("Ich bin bis zum 09.03.2026 im Urlaub.", date(2026, 3, 9)),
        ("Ich bin ab dem 9. März 2026 wieder da.", date(2026, 3, 9)),
        ("Abwesend bis 5. Mai 2026", date(2026, 5, 5)),
        ("Bis zum 1. Okt. 2026 bin ich nicht erreichbar", date(2026, 10, 1)),
        ("zurück am 24. Dez. 2026", date(2026, 12, 24)),
        ("Je suis absente jusqu'au 13 février 2026.", date(2026, 2, 13)),
        ("Estaré fuera hasta el 13 de marzo de 2026.", date(2026, 3, 13)),
        ("I am on parental leave until 1 December 2026.", date(2026, 12, 1)),
        ("until 1 March 2028 I am on sabbatical", date(2028, 3, 1)),
        ("I am away until March 9th, 2026", date(2026, 3, 9)),
        ("I am away until Saturday, May 2nd, 2026", date(2026, 5, 2)),
        ("I am on vacation till 09-Mar-2026", date(2026, 3, 9)),
        ("Returning: 9 March 2026", date(2026, 3, 9)),
        ("Back: no.\nReturning on 2026-02-11", date(2026, 2, 11)),
    ],
)
def test_a_day_is_read_as_people_write_it(body: str, day: date) -> None:
    assert _until(body) == day


@pytest.mark.parametrize(
    "body",
    [
        "I am away until 02/09/2026.",
        "I am away until 9 February.",
        "I am away until 31 February 2026.",
        "I am back on Monday.",
        "I am back on Tuesday the 9th of February.",
        "I am away until 9 February 2026, my colleague is away until 11 February 2026.",
        "I am back on 9 February 2026 or on 10 February 2026, or back on 11 February 2026.",
    ],
)
def test_a_day_that_can_be_read_in_two_ways_or_none_is_none(body: str) -> None:
    assert _until(body) is None


@given(
    st.dates(date(2026, 2, 3), date(2027, 1, 31)), st.sampled_from(["%-d %B %Y", "%B %-d, %Y", "%Y-%m-%d", "%-d %b %Y"])
)
def test_any_day_that_is_named_is_the_day_of_the_return(day: date, form: str) -> None:
    assert _until(f"I am out of the office until {day.strftime(form)}.") == day
    assert _until(f"I shall be back on {day.strftime('%A')}, {day.strftime(form)}; thank you.") == day


def test_a_note_in_html_alone_is_read_without_what_it_quotes() -> None:
    html = (
        "<html><head><title>away until 1 May 2026</title><style>p {}</style></head><body><p>I am out of office<br>"
        "until 13 February 2026.</p><blockquote>away until <b>30 June 2026</b></blockquote></body></html>"
    )
    assert _read(html, more="\nContent-Type: text/html").away_until == date(2026, 2, 13)


def test_a_subject_that_speaks_of_the_absence_before_a_colon_names_its_day() -> None:
    assert _until("Thank you.", f"Out of office until 9 February 2026: {_JUNE}") == date(2026, 2, 9)


@pytest.mark.parametrize(
    ("body", "for_good"),
    [
        ("I retired in October and read no mail here.", True),
        ("Grace is no longer with the company.", True),
        ("Frau Hopper ist nicht mehr bei uns tätig.", True),
        ("I am away.", False),
        ("I am back on 9 February 2026; the old number is no longer in use.", False),
    ],
)
def test_who_is_gone_for_good_is_told_from_who_is_away(body: str, *, for_good: bool) -> None:
    assert _read(body).for_good is for_good
