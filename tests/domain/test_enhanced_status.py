"""Why a delivery failed: only what is surely the address's own is called so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.enhanced_status import ADDRESS_STATUSES, FailureCause, cause_of, read_statuses

ADDRESS, FULL, TEMPORARY, OTHER = FailureCause
_STATUSES = st.builds("{}.{}.{}".format, st.sampled_from("45"), st.integers(0, 8), st.integers(0, 30))
_WORDS = st.sampled_from(
    [
        *(
            "",
            "550 no such user here",
            "Recipient address rejected: User unknown",
            "552 Quota exceeded",
            "try again later",
        ),
        *("listed on our blocklist", "the account is disabled", "message too big", "host not found", "relay denied"),
    ]
)


@pytest.mark.parametrize("status", sorted(ADDRESS_STATUSES))
def test_an_address_fails_by_a_status_of_its_own(status: str) -> None:
    assert cause_of([status]) is ADDRESS
    assert cause_of([status], "550 no such user") is ADDRESS


@pytest.mark.parametrize(
    ("statuses", "words", "cause"),
    [
        (["5.7.1"], "part of this network is on our block list", OTHER),
        (["5.7.1"], "user unknown", OTHER),
        (["5.4.1"], "Recipient address rejected: Access denied", OTHER),
        (["5.3.4"], "message too big", OTHER),
        (["5.1.8"], "the sender's domain does not exist", OTHER),
        (["5.1.0"], "the address was rejected", OTHER),
        (["5.1.0"], "unknown recipient", ADDRESS),
        (["5.0.0"], "user unknown", ADDRESS),
        (["5.0.0"], "552 Quota exceeded", FULL),
        (["5.2.2"], "", FULL),
        (["5.1.1"], "the mailbox is full", FULL),
        (["5.1.1"], "rejected for spam", OTHER),
        (["5.2.1"], "the mailbox is temporarily disabled", TEMPORARY),
        (["5.2.1"], "this user gets mail at a rate that lets no more of it in", OTHER),
        (["5.1.1", "5.7.1"], "no such user", OTHER),
        (["4.2.2"], "no such user", TEMPORARY),
        (["5.1.1", "4.7.0"], "no such user", TEMPORARY),
        (["5.4.7"], "delivery time expired", TEMPORARY),
        ([], "retry timeout exceeded", TEMPORARY),
        ([], "the host was not found, try again later", TEMPORARY),
        ([], "it has been in the queue too long", TEMPORARY),
        ([], "no mailbox here by that name", ADDRESS),
        ([], "<grace@example.test>: the account has been disabled", ADDRESS),
        ([], "I do not relay for that recipient: unknown user", OTHER),
        ([], "it was rejected", OTHER),
        ([], "", OTHER),
        (["2.0.0"], "", OTHER),
    ],
)
def test_words_say_more_only_where_a_status_says_little(statuses: list[str], words: str, cause: FailureCause) -> None:
    assert cause_of(statuses, words) is cause


@given(st.lists(_STATUSES, min_size=1, max_size=3), _WORDS)
def test_a_specific_status_that_is_not_an_addresss_own_is_never_called_so(statuses: list[str], words: str) -> None:
    specific = [one for one in statuses if one.split(".")[1] != "0" and one != "5.1.0"]
    if cause_of(statuses, words) is ADDRESS:
        assert set(specific) <= ADDRESS_STATUSES
        assert not any(one.startswith("4") for one in statuses)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("550-5.1.1 no such\n550 5.1.1 user", ["5.1.1", "5.1.1"]),
        ("Sorry, nobody of that name (#5.1.1)", ["5.1.1"]),
        ("host mx.example.test[192.5.1.1] said: 550 no", ["5.0.0"]),
        ("said: 450 mailbox busy", ["4.0.0"]),
        ("Exim-4.2.1 at 10.5.1.1, message <5.1.1@example.test>, 512 bytes, 20 450x", []),
    ],
)
def test_statuses_are_told_from_other_numbers(text: str, found: list[str]) -> None:
    assert read_statuses(text) == found


@given(st.text(max_size=300))
def test_whatever_a_server_says_there_is_one_cause(words: str) -> None:
    assert cause_of(read_statuses(words), words) in FailureCause
