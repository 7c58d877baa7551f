"""What a follow-up knows of itself, whatever it is answered and asked, in any order."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.command import Approve, Command, Decision, Done, Look, Pause, Reject, Resume, Stop, read_command
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from domain.step import Awaiting, DecisionRefused, FollowUp, Held, Paused, Ready, Settled, StepDone, Stopped
from workflows.page import details
from workflows.progress import Progress

_START = datetime(2026, 11, 22, 9, tzinfo=UTC)
_STEPS = 3
_FOLLOW_UP = FollowUp(instance_id="default:no-reply:lead-1", steps=_STEPS, first_due_at=_START)
_instants = st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda after: _START + after)
_reasons = st.sampled_from(Reason)
_commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(Pause, reason=_reasons, by=st.just("ada")),
    st.builds(Resume, decision=st.sampled_from(Decision), by=st.just("ada")),
    st.builds(Stop, reason=_reasons, by=st.just("ada")),
    st.builds(Approve, fingerprint=st.just("0123abcd"), by=st.just("ada")),
    st.builds(Reject, by=st.just("ada")),
    st.builds(Done, by=st.just("ada")),
)
_results: st.SearchStrategy[Settled] = st.one_of(
    st.builds(StepDone, state=st.sampled_from(DraftState), next_due_at=_instants),
    st.builds(Held, until=_instants, reason=_reasons),
    st.builds(
        Awaiting,
        reason=st.sampled_from([Reason.APPROVAL, Reason.MANUAL_STEP]),
        fingerprint=st.just("0123abcd"),
        look_at=_instants,
        expires_at=_instants,
        overdue=st.booleans(),
    ),
    st.builds(Paused, reason=_reasons, code=st.just("cut"), not_sent_from=st.none() | _instants),
    st.builds(Stopped, reason=_reasons),
    st.just(Ready()),
    st.builds(DecisionRefused, sentence=st.just("no")),
)
_happenings = st.lists(st.tuples(_commands | _results, _instants), max_size=30)


def _as_the_store_answers(result: Settled, at: Progress) -> Settled:
    last = isinstance(result, StepDone) and at.step == _STEPS
    return result.model_copy(update={"next_due_at": None}) if last else result


def _happen(at: Progress, what: Command | Settled, now: datetime) -> None:
    if isinstance(what, Pause | Resume | Stop | Look | Approve | Reject | Done):
        at.objection(what, now)
        at.already_holds(what)
    elif not at.over:
        at.apply(_as_the_store_answers(what, at), now)


@given(_happenings)
def test_whatever_happens_it_knows_where_it_stands_and_can_show_it(
    happenings: list[tuple[Command | Settled, datetime]],
) -> None:
    at = Progress(_FOLLOW_UP)
    for what, now in happenings:
        over = at.over
        _happen(at, what, now)
        assert at.over or not over
        assert 1 <= at.step <= _STEPS
        assert len(at.behind) == (_STEPS if at.status is InstanceStatus.COMPLETED else at.step - 1)
        assert f"**{at.status}**" in details(at, "")


@given(_happenings, _commands, _instants)
def test_of_what_is_over_nothing_more_can_be_asked(
    happenings: list[tuple[Command | Settled, datetime]], command: Command, now: datetime
) -> None:
    at = Progress(_FOLLOW_UP)
    for what, instant in happenings:
        _happen(at, what, instant)
    at.apply(Stopped(reason=Reason.OPERATOR), now)
    assert at.objection(command, now) is not None


@given(_happenings, _instants)
def test_what_is_not_over_can_always_be_stopped(
    happenings: list[tuple[Command | Settled, datetime]], now: datetime
) -> None:
    at = Progress(_FOLLOW_UP)
    for what, instant in happenings:
        _happen(at, what, instant)
    assert at.over or at.objection(Stop(), now) is None


@given(_happenings, _instants)
def test_what_is_paused_can_always_be_resumed(
    happenings: list[tuple[Command | Settled, datetime]], now: datetime
) -> None:
    at = Progress(_FOLLOW_UP)
    for what, instant in happenings:
        _happen(at, what, instant)
    assert (at.objection(Resume(), now) is None) == at.paused


@given(_happenings, _instants)
def test_what_waits_for_a_person_can_be_decided_and_is_never_sent_by_a_plain_resume(
    happenings: list[tuple[Command | Settled, datetime]], now: datetime
) -> None:
    at = Progress(_FOLLOW_UP)
    for what, instant in happenings:
        _happen(at, what, instant)
    decided = [at.objection(one, now) is None for one in (Approve(fingerprint="0123abcd"), Reject(), Done())]
    assert decided == [at.awaiting or at.paused] * 3
    assert not at.awaiting or at.objection(Resume(), now) is not None
    assert not at.awaiting or at.objection(Resume(decision=Decision.SKIP), now) is None
    assert (at.awaits is not None) == at.awaiting
    assert ("How to go on" in details(at, "")) == (at.awaiting or at.paused)


@given(_happenings, _instants)
def test_a_step_is_never_due_before_it_fell_due_because_of_a_word(
    happenings: list[tuple[Command | Settled, datetime]], now: datetime
) -> None:
    at = Progress(_FOLLOW_UP)
    for what, instant in happenings:
        _happen(at, what, instant)
    due = at.due_at
    at.apply(Ready(), now)
    assert (at.due_at, at.until) == (due, max(due, now))


_typed: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["by", "decision"]), inner),
    max_leaves=5,
)


@given(st.sampled_from([Pause, Resume, Stop, Approve, Reject, Done]), _typed)
def test_whatever_is_typed_is_a_command_or_a_sentence(kind: Any, typed: Any) -> None:
    try:
        said = read_command(kind, typed)
    except ValueError as error:
        said = str(error)
    assert isinstance(said, kind) or said.endswith("; nothing was changed")
