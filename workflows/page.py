"""What the Web UI shows of a follow-up, in markdown: each step, what it waits for, and how a person lets it go on."""

from datetime import datetime

from domain.instance import InstanceStatus, Reason
from domain.step import Awaiting
from workflows.progress import Progress

WHAT_HAPPENED = {
    Reason.SEND_OUTCOME_UNKNOWN: "The message **may have been sent**: its sending began, and no answer to it is "
    "known. A plain resume means that it was sent. It is not sent again by itself.",
    Reason.REFUSED_MESSAGE: "The provider refused this message for what it is. It was not sent and never will be.",
    Reason.REFUSED_CONFIGURATION: "The provider refused **us** (credentials, sender, policy). The message was not "
    "sent. Mend the configuration, then resume: the same message is tried again.",
    Reason.EXPIRED: "The step fell due too long ago to be sent without a person's word. Resume sends it now; or, where "
    "it has to be approved or done by a person, waits for that again.",
    Reason.STEP_FAILED: "Delivering failed several times by our own fault; nothing was sent. See the worker's log.",
    Reason.UNRENDERABLE: "The lead's data no longer fill the template; nothing was sent. Mend them, then resume.",
    Reason.EVIDENCE_CONTRADICTS: "The message counts as not sent, but was **seen outside**. Resuming does not send it.",
    Reason.UNDELIVERED: "A message **came back** for good, and its address is not at fault: a policy, a blocklist, its "
    "size. Nobody is suppressed. Find out why, then resume.",
    Reason.LONG_ABSENCE: "An automatic reply says that the lead is away for more than a year, or for good.",
    Reason.STORE_IS_BEHIND: "The database was restored to an earlier point, and has lost whether this message **was "
    "sent**. A plain resume says nothing of that.",
    Reason.RECIPIENT_IN_USE: "Another follow-up, which came first, goes to the same address. Resume sends this step "
    "beside it; stop ends this one.",
    Reason.OPERATOR: "An operator paused it. Resume goes on where it stopped.",
}
DECISIONS = {
    Reason.SEND_OUTCOME_UNKNOWN: ("sent", "not_sent", "skip", "stop"),
    Reason.STORE_IS_BEHIND: ("sent", "not_sent", "skip", "stop"),
    Reason.REFUSED_MESSAGE: ("skip", "stop"),
    Reason.EVIDENCE_CONTRADICTS: ("skip", "stop"),
}
USUAL_DECISIONS = ("resume", "skip", "stop")
MEANINGS = {
    "resume": "go on",
    "sent": "it did go out: go on with the next step",
    "not_sent": "it surely did not: the same message is sent now",
    "skip": "go on without this step",
    "stop": "end the follow-up",
}


def details(at: Progress, misunderstood: str) -> str:
    """Write the page of a follow-up."""
    parts = [_headline(at), _steps(at)]
    if misunderstood and not at.over:
        parts.append(f"> Not done: {misunderstood}")
    if at.paused:
        parts += [_why_paused(at), _how_to_resume(at)]
    if at.awaits is not None:
        parts += [_what_awaits(at, at.awaits), _how_to_decide(at, at.awaits)]
    return "\n\n".join(parts)


def _headline(at: Progress) -> str:
    where = f"step {at.step} of {at.follow_up.steps}"
    reason = "" if at.reason is Reason.NONE else f" ({at.reason})"
    return f"**{at.status}**{reason}, {where}"


def _steps(at: Progress) -> str:
    lines = ["| step | state |", "| --- | --- |"]
    lines += [f"| {order} | {state} |" for order, state in enumerate(at.behind, start=1)]
    if not at.over:
        lines.append(f"| {at.step} | {_waits_for(at)} |")
    ahead = range(len(lines) - 1, at.follow_up.steps + 1)  # behind the two lines of the head
    lines += [f"| {order} | {'stopped' if at.over else 'to come'} |" for order in ahead]
    return "\n".join(lines)


def _waits_for(at: Progress) -> str:
    match at.status:
        case InstanceStatus.PAUSED:
            return f"waits for a person: {at.reason}"
        case InstanceStatus.AWAITING_APPROVAL if at.awaits:
            overdue = ", overdue" if at.awaits.overdue else ""
            return f"waits for a person: {at.reason}{overdue}, until {_instant(at.awaits.expires_at)}"
        case InstanceStatus.HELD:
            return f"held until {_instant(at.until)}: {at.reason}"
        case _:
            return f"due {_instant(at.until)}"


def _why_paused(at: Progress) -> str:
    sentence = WHAT_HAPPENED.get(at.reason, "It waits for a person.")
    code = f" Code: `{at.code}`." if at.code else ""
    if at.reason not in (Reason.SEND_OUTCOME_UNKNOWN, Reason.STORE_IS_BEHIND):
        return f"### Why it is paused\n{sentence}{code}"
    shown = f"`followup show '{at.follow_up.instance_id}'` shows"
    named = f"begins `<{at.message_hash}@`" if at.message_hash else shown
    places = "the Sent folder, the provider's log, or the recipient's reply"
    look = f"Look for the Message-ID that {named} in {places}."
    return f"### Why it is paused\n{sentence}{code}\n\n### What to look for\n{look}"


def _how_to_resume(at: Progress) -> str:
    decisions = DECISIONS.get(at.reason, USUAL_DECISIONS)
    here = "### How to go on\nHere: More Actions, Send a Signal, `resume`, with one of these as input."
    rows = [f"| `{_input(one)}` | {MEANINGS[one]}{_from(at, one)} |" for one in decisions]
    table = "\n".join(["| input | meaning |", "| --- | --- |", *rows])
    example = f"followup resume '{at.follow_up.instance_id}' --decision {decisions[0]} --note '…'"
    return f"{here}\n\n{table}\n\nIn a shell, with any of these decisions:\n\n`{example}`"


def _what_awaits(at: Progress, awaits: Awaiting) -> str:
    read = f"`followup task show '{at.follow_up.instance_id}'` shows it."
    if awaits.reason is Reason.MANUAL_STEP:
        return f"### What waits\nStep {at.step} is to be done by a person. {read}"
    return (
        f"### What waits\nThe message of step {at.step} is rendered, and is sent once a person has approved it. {read}"
        f"\n\nIts fingerprint began with `{awaits.fingerprint[:8]}` when this page was written. Whoever edits it "
        "changes that, and an approval of what it said before is refused."
    )


def _how_to_decide(at: Progress, awaits: Awaiting) -> str:
    instance, seen = at.follow_up.instance_id, awaits.fingerprint[:8]
    if awaits.reason is Reason.MANUAL_STEP:
        word, given, option, meaning = "done", "(none)", "", "it was done: go on with the next step"
    else:
        word, given, option, meaning = "approve", f'"{seen}"', f" --fingerprint {seen}", "send this message"
    rows = [(word, given, meaning), ("reject", "(none)", MEANINGS["skip"]), ("stop", "(none)", MEANINGS["stop"])]
    table = "\n".join(
        ["| signal | input | meaning |", "| --- | --- | --- |", *(f"| `{a}` | `{b}` | {c} |" for a, b, c in rows)]
    )
    here = "### How to go on\nHere: More Actions, Send a Signal, with one of these:"
    return f"{here}\n\n{table}\n\nIn a shell:\n\n`followup task {word} '{instance}'{option} --note '…'`"


def _input(decision: str) -> str:
    return "(none)" if decision == "resume" else f'"{decision}"'


def _from(at: Progress, decision: str) -> str:
    early = decision == "not_sent" and at.not_sent_from is not None
    return f"; accepted from {_instant(at.not_sent_from)}" if early and at.not_sent_from else ""


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
