"""Stored sequences leave out what is as by default, so a default that changes would change what runs."""

import json

from domain.sequence import Sequence

_LEAST = {"name": "no-reply", "steps": [{"wait": "1d", "subject": "Hello", "body": "Hello"}]}
_DEFAULTS = {
    "min_gap": "0s",
    "window": None,
    "stop_on": ["replied", "booked", "unsubscribed", "bounced"],
    "enroll": "once",
    "beside_others": False,
}
_OF_A_STEP = {"channel": "email", "approval": False, "window": None, "expires_after": "1w", "times_out_after": None}


def test_a_stored_sequence_names_no_key_that_is_as_by_default_and_reads_back_the_same() -> None:
    sequence = Sequence.model_validate(_LEAST)
    stored = sequence.model_dump_json(exclude_defaults=True)
    assert set(json.loads(stored)) == {"name", "steps"}
    assert Sequence.model_validate_json(stored) == sequence


def test_what_a_sequence_is_by_default_never_changes() -> None:
    assert Sequence.model_validate(_LEAST) == Sequence.model_validate(
        _LEAST | _DEFAULTS | {"steps": [_LEAST["steps"][0] | _OF_A_STEP]}  # type: ignore[operator]
    )
    assert Sequence.model_fields.keys() - _LEAST.keys() == _DEFAULTS.keys()
