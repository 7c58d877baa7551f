"""Sending through an SMTP server: one recipient a transaction, and a gate before the message's terminator.

The terminator (`.` on a line of its own) is the point of no return: with it the message becomes the server's to
deliver (RFC 5321, 4.1.1.4), and until the server answers, nobody can tell whether it has.
"""

from datetime import timedelta
from typing import NamedTuple

from domain.outcome import NotSent, Outcome, Refused, Sent
from providers.provider import CLAIM_EXPIRED, GATE_FAILED, Gate, Letter
from providers.smtp_idle import IdleWires
from providers.smtp_letter import TERMINATOR, envelope, refuse_for_server, refuse_unfit, stuffed
from providers.smtp_outcome import Phase, outcome_of
from providers.smtp_session import Server, open_wire, read_url
from providers.smtp_wire import Wire

# Before the point of no return patience gains nothing: a failure there is safe, and the letter is tried again later
_STEP = timedelta(seconds=30)


class Patience(NamedTuple):
    """How long is waited: for setting up a session and for each reply of the envelope; for the body, for the end."""

    step: timedelta
    final: timedelta


class SmtpProvider:
    """Sends through one SMTP server. Sends may run side by side; idle connections are used again for a short while."""

    name = "smtp"

    def __init__(self, server: Server, patience: Patience) -> None:
        self._server = server
        self._patience = patience
        self._idle = IdleWires()

    @classmethod
    def from_url(cls, url: str, *, send_timeout: timedelta, allow_plain_remote: bool = False) -> "SmtpProvider":
        """Make a provider of a URL (`smtp_session.read_url`); raises ValueError with a sentence.

        `send_timeout` bounds the wait for the final reply, and the transfer of the body, each in total. The session's
        set-up and each reply before are bounded by 30 s, or by `send_timeout` if that is shorter.
        """
        server = read_url(url, allow_plain_remote=allow_plain_remote)
        return cls(server, Patience(step=min(_STEP, send_timeout), final=send_timeout))

    async def send(self, letter: Letter, gate: Gate) -> Outcome:
        """Send one letter (`Provider.send`). Cancelled, it drops the connection and gives no outcome."""
        unfit = refuse_unfit(letter)
        if unfit is not None:
            return unfit
        wire = self._idle.take()
        if wire is not None:
            phase, outcome = await self._attempt(letter, gate, wire)
            if phase is not Phase.MAIL:
                return outcome
            # a connection gone stale shows at its first command: nothing was begun, so a fresh one may be asked
        return (await self._attempt(letter, gate, None))[1]

    async def close(self) -> None:
        """Take leave of the server on every idle connection; lasts about a second at most."""
        await self._idle.close()

    async def _attempt(self, letter: Letter, gate: Gate, wire: Wire | None) -> tuple[Phase, Outcome]:
        transaction = _Transaction(letter, gate, self._patience)
        outcome: Outcome | None = None
        try:
            if wire is None:
                wire = await open_wire(self._server, self._patience.step, transaction.enter)
            outcome = await transaction.run(wire)
        except Exception as error:  # whatever it is: the phase tells what it means
            outcome = outcome_of(transaction.phase, error)
        finally:
            if wire is not None:
                self._release(wire, transaction.phase, outcome)
        return transaction.phase, outcome

    def _release(self, wire: Wire, phase: Phase, outcome: Outcome | None) -> None:
        if isinstance(outcome, Sent):
            self._idle.give(wire)
        elif isinstance(outcome, Refused) and phase is not Phase.BODY:
            wire.quit()
        else:  # a half-sent message must not be followed by anything, and a silent server is owed no farewell
            wire.drop()


class _Transaction:
    """One try at one letter. `phase` is always true, however the try ends."""

    def __init__(self, letter: Letter, gate: Gate, patience: Patience) -> None:
        self.phase = Phase.CONNECT
        self._letter = letter
        self._gate = gate
        self._patience = patience

    def enter(self, phase: Phase) -> None:
        self.phase = phase

    async def run(self, wire: Wire) -> Outcome:
        """Hand the letter over. Raises what `Wire` raises."""
        wire.letters += 1
        refused = await self._envelope(wire)
        if refused is not None:
            return refused
        self.phase = Phase.BODY
        await wire.put(stuffed(self._letter.message), self._patience.final)
        if wire.interrupted():
            return await self._heard_early(wire)
        forbidden = await self._ask_gate()
        if forbidden is not None:
            return forbidden
        if wire.interrupted():
            return await self._heard_early(wire)
        # Nothing is awaited from the gate's answer to here, nor to the terminator's way out. The phase comes before
        # the write: a write that fails may have written.
        self.phase = Phase.FINAL
        wire.write(TERMINATOR)
        return outcome_of(self.phase, await wire.reply(self._patience.final))

    async def _envelope(self, wire: Wire) -> Outcome | None:
        """Go as far as the server's invitation to send the body; the outcome if it ends before."""
        self.phase = Phase.MAIL
        unfit = refuse_for_server(self._letter, wire.extensions)
        if unfit is not None:
            return unfit
        mail, rcpt = envelope(self._letter, wire.extensions)
        for phase, command, wanted in ((Phase.MAIL, mail, 2), (Phase.RCPT, rcpt, 2), (Phase.DATA, b"DATA", 3)):
            self.phase = phase
            reply = await wire.ask(command, self._patience.step)
            if reply.digit != wanted:
                return outcome_of(phase, reply)
        return None

    async def _ask_gate(self) -> Outcome | None:
        try:
            may = await self._gate()
        except Exception as error:  # the gate is the caller's, and nothing has been crossed
            return NotSent(code=GATE_FAILED, reply=type(error).__name__)
        return None if may else NotSent(code=CLAIM_EXPIRED)

    async def _heard_early(self, wire: Wire) -> Outcome:
        # the server ended the message's transfer by itself: by a reply, or by hanging up, which raises
        return outcome_of(self.phase, await wire.reply(self._patience.step))
