"""What `make peers` counts: planted copies, losses and strangers in a peer's log are found, each for what it is."""

from proof.peers.count import count, name
from proof.peers.run import Storm

WANTED = [name("lead-0", 1), name("lead-0", 2), name("lead-1", 1), name("lead-1", 2)]


def test_a_log_of_each_step_once_has_nothing_to_tell() -> None:
    tally = count([(10.0 + number, which) for number, which in enumerate(WANTED)], WANTED, began=9)
    assert tally == (4, 0, 0, 0, 4.0)


def test_each_copy_beyond_the_first_is_a_duplicate_and_makes_up_for_no_loss() -> None:
    log = [(10.0, WANTED[0]), (11.0, WANTED[0]), (12.0, WANTED[0]), (13.0, WANTED[1]), (14.0, WANTED[1])]
    tally = count(log, WANTED, began=10)
    assert (tally.sent, tally.twice, tally.missing) == (5, 3, 2)


def test_a_message_that_is_no_step_s_is_a_stray_and_no_duplicate() -> None:
    tally = count([(10.0, "<other@peers.test>"), (11.0, "<other@peers.test>"), (12.0, WANTED[0])], WANTED, began=10)
    assert (tally.sent, tally.twice, tally.missing, tally.stray) == (3, 0, 3, 2)


def test_the_time_ends_when_the_last_step_was_first_sent_whatever_copies_come_later() -> None:
    log = [(99.0, WANTED[0]), (10.0, WANTED[0]), (15.0, WANTED[1]), (98.0, "<other@peers.test>")]
    assert count(log, WANTED[:2], began=9).seconds == 6


def test_an_empty_log_is_all_missing() -> None:
    assert count([], WANTED, began=9) == (0, 0, 4, 0, 0)


def test_every_engine_s_workers_live_equally_long_and_the_last_one_for_ever() -> None:
    lives = list(Storm(kills=5, every=3, seed=7).lives())
    assert lives == list(Storm(kills=5, every=3, seed=7).lives())
    assert len(lives) == 6
    assert all(2 <= life <= 4 for life in lives[:-1])
    assert lives[-1] == float("inf")
