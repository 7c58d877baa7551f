"""By what a draft, a task or an instance changed. Code reads the cause; `why` is text for people alone."""

from enum import StrEnum

from domain.command import Decision, Verdict


class Cause(StrEnum):
    """By what something came into being, or moved from one state to the next.

    Of the way through: ENROLLED by the app. RENDERED: a draft was made and frozen. CLAIMED by a worker. ANSWERED: the
    provider answered. UNANSWERED: no answer is known that proves anything. ADVANCED: the step before is behind it.
    COMPLETED: the last step is. FORBIDDEN: something does not allow the step now; an instance's `reason` says what.
    RESTORED: the store was restored to an earlier point than the workflow.

    Of what was seen outside: SEEN: a draft's message was, so it was sent. CONTRADICTED: it was, though it is held for
    unsent. RETURNED: something came back that a person has to look into. SHARED: another follow-up goes to the address.

    Of people: ASKED: one is asked to approve or to do something. APPROVED, REJECTED, DONE: their verdict. TIMED_OUT:
    none came. PAUSED, RESUMED, STOPPED: somebody said so, the app included. SAID_SENT, SAID_NOT_SENT, SKIPPED: a
    decision about a step. LOOKED_INTO: an alarm was. BY_HAND: changed in the database itself.
    """

    ENROLLED = "enrolled"
    RENDERED = "rendered"
    CLAIMED = "claimed"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    ADVANCED = "advanced"
    COMPLETED = "completed"
    FORBIDDEN = "forbidden"
    RESTORED = "restored"
    SEEN = "seen"
    CONTRADICTED = "contradicted"
    RETURNED = "returned"
    SHARED = "shared"
    ASKED = "asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    DONE = "done"
    TIMED_OUT = "timed_out"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    SAID_SENT = "said_sent"
    SAID_NOT_SENT = "said_not_sent"
    SKIPPED = "skipped"
    LOOKED_INTO = "looked_into"
    BY_HAND = "by_hand"


_OF_WORDS: dict[Decision | Verdict, Cause] = {
    Decision.RESUME: Cause.RESUMED,
    Decision.SENT: Cause.SAID_SENT,
    Decision.NOT_SENT: Cause.SAID_NOT_SENT,
    Decision.SKIP: Cause.SKIPPED,
    Decision.STOP: Cause.STOPPED,
    Verdict.APPROVE: Cause.APPROVED,
    Verdict.REJECT: Cause.REJECTED,
    Verdict.DONE: Cause.DONE,
}


def cause_of(word: Decision | Verdict) -> Cause:
    """Return the cause that a person's word is."""
    return _OF_WORDS[word]
