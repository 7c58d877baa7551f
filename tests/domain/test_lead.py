import pytest
from pydantic import ValidationError

from domain.lead import Lead

GRACE = {"lead_id": "lead-1", "email": "grace@example.org"}


def problem(**changes: object) -> str:
    with pytest.raises(ValidationError) as error:
        Lead.model_validate({**GRACE, **changes})
    return error.value.errors(include_url=False, include_input=False)[0]["msg"]


def test_a_lead_needs_an_id_and_an_address_alone() -> None:
    lead = Lead.model_validate(GRACE)
    assert (lead.name, lead.timezone, lead.variables, lead.zone.key) == ("", "UTC", {}, "UTC")


@pytest.mark.parametrize("lead_id", ["1", "a:b", "A_b-c.d~!#$%", "x" * 100])
def test_an_id_of_the_app_is_taken_as_it_is(lead_id: str) -> None:
    assert Lead.model_validate({**GRACE, "lead_id": lead_id}).lead_id == lead_id


@pytest.mark.parametrize("lead_id", ["", "grace@example.org", "a/b", "a b", "a\tb", "a\n", "ä", "x" * 101, "a\x7f"])
def test_an_id_that_must_not_be_shown_in_temporal_is_refused_with_the_reason(lead_id: str) -> None:
    assert "ids are shown in Temporal" in problem(lead_id=lead_id)


@pytest.mark.parametrize(
    "email", ["", "grace", "@example.org", "grace@", "a@b@c", "a b@c.org", "a@c.org\r\nBcc: x@y.org"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert "is not an address" in problem(email=email)


@pytest.mark.parametrize(
    "text", ["A\r\nBcc: e@x.test", "A\nB", "A\x00", "A\x7f", "A\x85", "A\u2028", "A\u2029", "A\x1b[1m"]
)
def test_a_line_end_or_control_character_in_a_name_is_refused(text: str) -> None:
    assert "line end or a control character" in problem(name=text)


def test_what_opens_an_encoded_word_is_refused_in_name_and_address() -> None:
    assert "'=?'" in problem(name="=?utf-8?q?A=0D=0ABcc=3A_e=40x?=")
    assert "'=?'" in problem(email="=?utf-8?q?a?=@example.org")


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "America", "", "../etc/passwd", "Europe/Berlin\n", "+02:00"])
def test_a_time_zone_nobody_knows_is_refused(timezone: str) -> None:
    assert "not a known time zone" in problem(timezone=timezone)


@pytest.mark.parametrize("variable", ["lead_id", "email", "name", "timezone"])
def test_a_variable_never_hides_the_leads_own(variable: str) -> None:
    assert f"is the lead's own {variable}" in problem(variables={variable: "x"})


@pytest.mark.parametrize("variable", ["", "a b", "1a", "a-b", "ä", "a" * 61, "a.b"])
def test_a_variable_no_template_could_read_is_refused(variable: str) -> None:
    assert "can't be a variable" in problem(variables={variable: "x"})


@pytest.mark.parametrize("text", ["\x00", "x" * 10_001])
def test_a_variable_the_store_could_not_keep_is_refused(text: str) -> None:
    assert "plan" in problem(variables={"plan": text})


def test_a_misspelt_field_is_refused() -> None:
    assert "Extra inputs" in problem(time_zone="UTC")
