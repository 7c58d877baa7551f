"""Whatever a server says beside its answers, no outcome is taken from it that is wrong."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.outcome import NotSent, Refused, Sent
from providers.smtp.provider import SmtpProvider
from tests.providers.fault_server import FaultServer
from tests.providers.smtp_peers import SHORT, Asked, letter

FINE, GO, NO, LATER, TROUBLE = (
    *(b"250 2.0.0 fine\r\n", b"354 go on\r\n", b"554 5.7.1 no\r\n", b"450 4.7.1 greylisted\r\n"),
    b"451 4.3.0 trouble\r\n",
)
# 221 alone is a server's word for leaving, whenever it says it
WORDS = st.lists(st.sampled_from([FINE, GO, NO, LATER, TROUBLE, b"220 hello\r\n", b"hello sailor\r\n"]), max_size=2)
# The answer to the terminator, and whether the message is taken
ANSWERS = st.sampled_from([(FINE, True), (NO, False), (LATER, False), (TROUBLE, False), (TROUBLE, True)])
_BESIDE = st.dictionaries(st.sampled_from(["mail", "rcpt", "data", "final", "quit"]), WORDS)
_RIGHT = {"mail": FINE, "rcpt": FINE, "data": GO, "quit": b"221 bye\r\n"}


@settings(max_examples=200)
@given(before=_BESIDE, behind=_BESIDE, answer=ANSWERS, late=st.booleans())
# said again too late to be noticed before the terminator is out, and then for its answer
@example(before={"final": [FINE]}, behind={}, answer=(NO, False), late=True)
@example(before={"final": [NO]}, behind={}, answer=(FINE, True), late=True)
@example(before={"final": [LATER]}, behind={}, answer=(FINE, True), late=True)
@example(before={"final": [FINE, FINE]}, behind={}, answer=(NO, False), late=True)
@example(before={"final": [FINE]}, behind={}, answer=(NO, False), late=False)
@example(before={"quit": [FINE]}, behind={}, answer=(FINE, True), late=False)
async def test_no_outcome_is_wrong_whatever_a_server_says_beside_its_answers(
    before: dict[str, list[bytes]], behind: dict[str, list[bytes]], answer: tuple[bytes, bool], late: bool
) -> None:
    said, taken = answer
    words = {
        phase: [*before.get(phase, []), right, *behind.get(phase, [])]
        for phase, right in (_RIGHT | {"final": said}).items()
    }
    if late and before.get("final"):  # a word comes in time to be taken for the answer, and the answer behind QUIT
        words["quit"] = [*words["final"][1:], *words["quit"]]
        words["final"] = words["final"][:1]
    async with FaultServer({phase: b"".join(each) for phase, each in words.items()}) as server:
        server.takes = taken
        provider = SmtpProvider.from_url(server.url, send_timeout=SHORT)
        outcome = await provider.send(letter(), Asked())
    assert not (isinstance(outcome, Sent) and not server.messages)
    assert not (isinstance(outcome, Refused | NotSent) and server.messages)
