"""The draft: its id, its Message-ID, and the only ways from state to state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.draft
from domain.draft import LEGAL_TRANSITIONS, DraftKey, DraftState, draft_id, draft_key, hash_of, message_hash
from tests.naming import KEY, message_id

_FINAL = (
    DraftState.SENT,
    DraftState.REFUSED,
    DraftState.SKIPPED,
    DraftState.STOPPED,
    DraftState.DISCARDED,
    DraftState.DONE,
)
_AFTER_A_CALL = (DraftState.SENDING, DraftState.UNKNOWN)
_keys = st.builds(DraftKey, st.from_regex(r"[a-z%0-9:.-]{1,40}", fullmatch=True), st.integers(1, 50))


@given(_keys)
def test_an_id_is_read_back_to_the_key_it_was_made_of(key: DraftKey) -> None:
    assert draft_key(draft_id(key)) == key


def test_an_id_says_instance_step_and_channel() -> None:
    assert draft_id(DraftKey("default:no-reply:lead-1", 2)) == "default:no-reply:lead-1/2/email"


@pytest.mark.parametrize("text", ["", "a/1", "a/one/email", "a/1/pigeon", "a/1/email/more"])
def test_a_text_that_no_key_gives_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="is not a draft id: expected instance/step/channel"):
        draft_key(text)


@given(_keys, _keys)
def test_the_message_id_is_the_drafts_own_for_ever(one: DraftKey, other: DraftKey) -> None:
    same = message_id(draft_id(one), "example.test") == message_id(draft_id(other), "example.test")
    assert same == (one == other)


@given(st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=64), _keys)
def test_a_message_id_can_be_computed_with_the_secret_alone(secret: bytes, guess: bytes, key: DraftKey) -> None:
    # HMAC pads keys with zero bytes
    same = secret.rstrip(b"\0") == guess.rstrip(b"\0")
    assert (message_hash(secret, draft_id(key)) == message_hash(guess, draft_id(key))) == same


@given(_keys)
def test_the_left_part_of_a_message_id_is_its_hash(key: DraftKey) -> None:
    named = message_hash(KEY, draft_id(key))
    assert hash_of(domain.draft.message_id(named, "example.test")) == named


def test_a_message_id_stays_the_same_from_release_to_release() -> None:
    # RFC 5322, 3.6.4; receivers saw this one, so another way to make it would part their threads
    assert message_id("default:no-reply:lead-1/1/email", "example.test") == (
        "<3fe4ad8871fd361c71218595c9465673ee2b8574@example.test>"
    )


@pytest.mark.parametrize("state", _FINAL)
def test_nothing_leads_out_of_a_final_state(state: DraftState) -> None:
    assert [after for before, after in LEGAL_TRANSITIONS if before is state] == []


@pytest.mark.parametrize("state", sorted(set(DraftState) - set(_FINAL)))
def test_every_other_state_has_a_way_on(state: DraftState) -> None:
    assert any(before is state for before, _ in LEGAL_TRANSITIONS)


def test_a_draft_is_sent_or_unknown_only_after_a_claim() -> None:
    ways = [before for before, after in LEGAL_TRANSITIONS if after in (DraftState.SENT, DraftState.UNKNOWN)]
    assert set(ways) <= set(_AFTER_A_CALL)


def test_a_claim_takes_a_pending_draft_and_no_other() -> None:
    assert [before for before, after in LEGAL_TRANSITIONS if after is DraftState.SENDING] == [DraftState.PENDING]


def test_a_stop_reaches_no_draft_that_may_be_out_already() -> None:
    stopped = {before for before, after in LEGAL_TRANSITIONS if after is DraftState.STOPPED}
    assert stopped.isdisjoint(_AFTER_A_CALL)
