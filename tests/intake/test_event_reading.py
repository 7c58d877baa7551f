"""What an event gives: the same as a row of a file would."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.event import EventError, LeadEnrolled, LeadUpdated
from domain.lead_fields import make_lead
from intake.event_reading import read_event
from intake.files.lead_file import LeadRow, read_lead

NOTHING = st.sampled_from([None, "", "  ", "\u200b", "\u00a0\ufeff", "\u00ad"])


def event(kind: str, **data: Any) -> str:
    return json.dumps({"id": "evt-1", "type": kind, "timestamp": "2026-03-02T09:00:00Z", "data": data})


def enrolment(lead: dict[str, Any], **more: Any) -> LeadEnrolled:
    found = read_event(event("lead.enrolled", sequence="no-reply", lead=lead, **more))
    assert isinstance(found, LeadEnrolled)
    return found


def problems(kind: str, **data: Any) -> list[str]:
    with pytest.raises(EventError) as error:
        read_event(event(kind, **data))
    return error.value.problems


MARY = {"lead_id": "m1", "email": "mary@example.org"}


@given(
    st.fixed_dictionaries({}, optional={"name": NOTHING | st.just(" Mary "), "timezone": NOTHING | st.just("UTC")}),
    st.dictionaries(st.sampled_from(["plan", "seats"]), NOTHING | st.sampled_from([" gold\u200b", 5]), max_size=2),
)
def test_an_event_gives_the_lead_that_a_row_of_a_file_gives(own: dict[str, Any], variables: dict[str, Any]) -> None:
    row = read_lead(json.dumps({**MARY, **own, "variables": variables}))
    assert isinstance(row, LeadRow)
    data = enrolment({**MARY, **own}, variables=variables).data
    lead = make_lead({**data.lead.model_dump(), "variables": data.variables})
    assert lead == row.lead
    assert lead.model_fields_set == row.lead.model_fields_set


def test_a_blank_required_field_is_said_to_be_missing() -> None:
    wanted = ["data.lead.email: is missing: add it"]
    assert problems("lead.enrolled", sequence="s", lead={"lead_id": "m1", "email": "\u200b"}) == wanted


def test_a_blank_update_says_nothing_and_changes_nothing() -> None:
    said = {"lead_id": "m1", "name": " ", "timezone": None}
    assert problems("lead.updated", **said, variables={"plan": ""}) == [
        "data: says nothing new: give email, name, timezone or variables"
    ]
    update = read_event(event("lead.updated", **said, email=" mary@example.org", variables={"plan": "", "seats": 5}))
    assert isinstance(update, LeadUpdated)
    assert update.data.changes == {"email": "mary@example.org", "variables": {"seats": "5"}}


def test_what_stands_for_nothing_is_refused_unless_it_is_said_to_be_meant() -> None:
    lead = {**MARY, "name": "None"}
    said = "says None, which stands for nothing: leave it out, or name it in data.literal where that is meant"
    assert problems("lead.enrolled", sequence="s", lead=lead) == [f"data.lead.name: {said}"]
    assert problems("lead.enrolled", sequence="s", lead=MARY, variables={"plan": "None"}) == [
        f"data.variables.plan: {said}"
    ]
    assert problems("lead.updated", lead_id="m1", name="None") == [f"data.name: {said}"]
    assert enrolment(lead, literal=["name"]).data.lead.name == "None"


@pytest.mark.parametrize("name", ["Name", "E_Mail", "TimeZone", "unsubscribeUrl", "LEAD_ID"])
def test_what_is_almost_a_field_is_no_variable(name: str) -> None:
    [problem] = problems("lead.enrolled", sequence="s", lead=MARY, variables={name: "x"})
    assert problem.startswith(f"data.variables.{name}: is almost ")


def test_an_update_is_refused_in_our_words() -> None:
    for data in ({"literal": "name", "name": "x"}, {"name": ["x"]}, {"variables": 5}, {"nmae": "x"}):
        for problem in problems("lead.updated", **{"lead_id": "m1", **data}):
            assert not {"Input", "should", "valid"} & set(problem.split())
    assert problems("lead.updated", lead_id="m1", name="x", literal="name")[0] == (
        "data.literal: must be a list: write it in brackets"
    )
