"""The id of an instance: derived by one function, read back by its inverse, never ambiguous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instance import InstanceKey, instance_id, instance_key, instance_of_workflow, workflow_id

_part = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_keys = st.builds(InstanceKey, _part, _part, _part, _part | st.just(""))


@given(_keys)
def test_an_id_is_read_back_to_the_key_it_was_made_of(key: InstanceKey) -> None:
    assert instance_key(instance_id(key)) == key


@given(_keys, _keys)
def test_two_keys_never_share_an_id(one: InstanceKey, other: InstanceKey) -> None:
    assert (instance_id(one) == instance_id(other)) == (one == other)


def test_the_same_lead_has_the_same_id_for_ever() -> None:
    assert instance_id(InstanceKey("default", "no-reply", "lead-1")) == "default:no-reply:lead-1"
    assert instance_id(InstanceKey("default", "no-reply", "a:b/c", "2026")) == "default:no-reply:a%3Ab%2Fc:2026"


def test_a_separator_in_a_part_does_not_move_the_parts() -> None:
    assert instance_id(InstanceKey("a", "b:c", "d")) != instance_id(InstanceKey("a:b", "c", "d"))


@pytest.mark.parametrize("text", ["", "lead-1", "default:no-reply", "a::b", "a:b:c:d:e", ":a:b"])
def test_a_text_that_no_key_gives_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an instance id: expected workspace:sequence:lead\[:key\]"):
        instance_key(text)


@given(_keys)
def test_the_id_of_a_workflow_names_its_instance(key: InstanceKey) -> None:
    identity = instance_id(key)
    assert instance_of_workflow(workflow_id(identity)) == identity


def test_an_instance_id_given_where_a_workflow_id_is_meant_stays_itself() -> None:
    assert instance_of_workflow("default:no-reply:lead-1") == "default:no-reply:lead-1"
