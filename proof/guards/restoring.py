"""What keeps a store that was restored to an earlier point from sending again."""

from proof.guards.broken import Break

_RESTORED = "tests/deploy/test_restored.py::"
_LAST_WORDS = "tests/transactions/test_last_words.py::"
_FURTHER = _RESTORED + "test_a_follow_up_that_is_further_than_the_store_waits_for_a_person_and_sends_nothing_twice"
_COUNTED = "tests/transactions/test_restored.py::test_i6_what_the_store_has_lost_of_a_step_is_counted"

BREAKS = [
    Break(
        "a workflow that is further than the store waits",
        "transactions/restore.py",
        "    return locked_step.step > facts.current_step and ",
        "    return False and ",
        _FURTHER,
    ),
    Break(
        "a step that the store has left behind is not sent, draft or none",
        "transactions/claim.py",
        "        return current_result(locked_step, facts) if locked_step.step < facts.current_step else None\n",
        "        return None\n",
        _FURTHER,
    ),
    Break(
        "what the store had under way of a step behind is settled",
        "transactions/restore.py",
        "    if draft is not None and draft.state in _BEHIND:",
        "    if False:",
        _COUNTED,
    ),
    Break(
        "a step that the store lost is told of in the ledger",
        "transactions/restore.py",
        "        await activate(before, Cause.SKIPPED, why)\n",
        "",
        _COUNTED,
    ),
    Break(
        "an answer to a claim that the store forgot pauses",
        "domain/permission.py",
        "    return isinstance(outcome, Sent) or (isinstance(outcome, Unknown) and generation <= claimed)\n",
        "    return False\n",
        _RESTORED + "test_a_send_under_way_while_postgresql_is_restored_is_not_sent_again",
    ),
    Break(
        "an answer to a later try that the store forgot pauses",
        "domain/permission.py",
        "generation <= claimed)",
        "generation == 1)",
        _LAST_WORDS + "test_an_uncertain_second_try_that_a_restored_store_has_forgotten_waits_for_a_person",
    ),
    Break(
        "a later try that the store forgot stays uncertain",
        "transactions/restore.py",
        "draft.generation <= call.generation",
        "draft.generation == 1",
        _LAST_WORDS + "test_a_second_try_that_a_restored_store_has_forgotten_is_not_released_by_a_plain_resume",
    ),
    Break(
        "an uncertain send that the store forgot stays uncertain",
        "transactions/restore.py",
        "    return paused or forgotten\n",
        "    return paused\n",
        _RESTORED + "test_an_uncertain_send_that_the_store_has_forgotten_is_not_released_by_a_plain_resume",
    ),
    Break(
        "a plain resume says nothing of what the store has lost",
        "transactions/restore.py",
        "    return paused or forgotten\n",
        "    return forgotten\n",
        _RESTORED + "test_after_the_documented_procedure_nothing_is_sent_before_a_person_has_looked",
    ),
]
