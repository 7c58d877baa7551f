"""What makes an address one person, whatever ids the app gives it (I10), and what keeps words in their order (I11)."""

from proof.guards.broken import Break

_RECIPIENTS = "tests/transactions/test_recipients.py::"
_INTAKE = "tests/intake/test_recipients.py::"
_LIMITING = "tests/transactions/test_limiting.py::"
_WORDS = "tests/intake/test_words.py::"
_CAP = "test_i10_a_weekly_cap_holds_for_an_address_under_two_hundred_ids_at_once"

BREAKS = [
    Break(
        "a claim locks its recipient",
        "store/recipients.py",
        '    alone = func.pg_advisory_xact_lock(lock_name(of.workspace, "recipient", of.recipient))\n',
        '    alone = lock_name(of.workspace, "recipient", of.recipient)\n',
        _RECIPIENTS + _CAP,
    ),
    Break(
        "a claim locks the domain of its recipient",
        "store/recipients.py",
        '    shared = func.pg_advisory_xact_lock_shared(lock_name(of.workspace, "domain", domain_of(of.recipient)))\n',
        '    shared = lock_name(of.workspace, "domain", domain_of(of.recipient))\n',
        _RECIPIENTS + "test_a_claim_waits_for_whoever_has_locked_what_it_goes_to[the domain]",
    ),
    Break(
        "a claim locks the address that its draft is frozen to",
        "store/recipients.py",
        "    return union(current.where(of_instance), frozen)",
        "    return union(current.where(of_instance), current.where(of_instance))",
        _RECIPIENTS + "test_a_claim_waits_for_whoever_has_locked_what_it_goes_to[the address its draft is frozen to]",
    ),
    Break(
        "a lead that moved while its lock was waited for is locked anew",
        "store/leads.py",
        '        if recipient_of(row["email"]) in row["locked"]:\n',
        "        if True:\n",
        _RECIPIENTS + "test_a_claim_whose_lead_moves_while_it_waits_waits_for_the_new_address_too",
    ),
    Break(
        "a stop reaches its lead's address",
        "transactions/stop.py",
        "    return tuple(dict.fromkeys(one for one in (had, stop.named) if one))\n",
        "    return tuple(one for one in (stop.named,) if one and had)\n",
        _INTAKE + "test_i4_a_stop_reaches_every_follow_up_of_the_address_whatever_its_lead_id",
    ),
    Break(
        "a stop locks its recipient",
        "store/leads.py",
        "    await lock_recipients(connection, workspace, [*current, *had, *also])\n",
        "",
        _RECIPIENTS + "test_i4_i10_a_stop_under_one_id_waits_for_a_claim_under_another",
    ),
    Break(
        "a stop locks the addresses that its lead had",
        "store/leads.py",
        "[*current, *had, *also]",
        "[*current, *also]",
        _RECIPIENTS + "test_i4_i10_a_stop_waits_for_a_claim_of_an_address_that_its_lead_had",
    ),
    Break(
        "an enrolment locks the addresses that its lead had",
        "transactions/enrol.py",
        "[*self._recipients, *had]",
        "self._recipients",
        _RECIPIENTS + "test_i4_i10_an_enrolment_waits_for_a_claim_of_an_address_that_its_lead_had",
    ),
    Break(
        "a stop of the address that a draft is frozen to is heeded",
        "store/facts.py",
        '    stopped = _array(bindparam("address", type_=Text), plain(frozen_to))\n',
        '    stopped = _array(bindparam("address", type_=Text))\n',
        _INTAKE + "test_i4_a_draft_that_is_frozen_to_an_old_address_is_not_sent_after_a_stop_of_that_one",
    ),
    Break(
        "one follow-up at a time, asked in the claim",
        "domain/permission.py",
        "    if true.recipient_in_use:\n",
        "    if False:\n",
        _INTAKE + "test_i10_the_claim_itself_finds_that_somebody_came_to_the_address_first",
    ),
    Break(
        "one follow-up at a time, asked of enrolments at once",
        "transactions/enrol.py",
        "        await lock_recipients(self._connection, self._workspace, [*self._recipients, *had])\n",
        "",
        _INTAKE + "test_of_enrolments_of_one_address_under_twenty_ids_at_once_one_is_taken",
    ),
    Break(
        "a cap counts by recipient",
        "transactions/limits.py",
        "turn.recipient, turn.now - WEEK",
        "turn.locked_step.locked.instance_id, turn.now - WEEK",
        _RECIPIENTS + _CAP,
    ),
    Break(
        "a cap counts what went where a draft is frozen to",
        "transactions/claim.py",
        '(recipient_of(draft.recipient) if draft else "") or locked.recipient',
        "locked.recipient",
        _RECIPIENTS + "test_i10_a_cap_holds_for_the_address_that_a_draft_is_frozen_to",
    ),
    Break(
        "a gap counts by recipient",
        "transactions/claim.py",
        "for instant in (facts.last_sent_at, facts.heard_from_us_at) if",
        "for instant in (facts.last_sent_at,) if",
        _RECIPIENTS + "test_i5_i10_a_gap_holds_for_an_address_under_two_hundred_ids_at_once",
    ),
    Break(
        "a gap counts what went where a draft is frozen to",
        "store/facts.py",
        '    recipients = _array(bindparam("address", type_=Text), frozen_to)\n',
        '    recipients = _array(bindparam("address", type_=Text))\n',
        _RECIPIENTS + "test_i5_i10_a_gap_counts_what_went_where_the_draft_is_frozen_to",
    ),
    Break(
        "a suppression locks its addresses",
        "store/suppressions.py",
        '[one for one in given_addresses if not one.startswith("@")]',
        "[]",
        _RECIPIENTS + "test_a_suppression_waits_for_a_claim_that_is_under_way[shared@example.test]",
    ),
    Break(
        "a suppression locks its domains",
        "store/suppressions.py",
        '[one[1:] for one in given_addresses if one.startswith("@")]',
        "[]",
        _RECIPIENTS + "test_a_suppression_waits_for_a_claim_that_is_under_way[@example.test]",
    ),
    Break(
        "an older word replaces no newer one",
        "domain/lead_facts.py",
        "    return heard > (known[0] or _BEFORE_ALL, known[1])\n",
        "    return heard[1] != known[1]\n",
        _WORDS + "test_an_old_update_that_comes_late_changes_nothing_and_is_told_so",
    ),
    Break(
        "an older stop ends nothing that was enrolled after it",
        "transactions/stop.py",
        "    return stop.occurred_at >= since and",
        "    return bool(since) and",
        _WORDS + "test_an_old_stop_that_comes_late_ends_nothing_that_was_enrolled_after_it",
    ),
]
