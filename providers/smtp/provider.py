"""Sending through an SMTP server: one message a connection, and a gate before the message's terminator.

The terminator (`.` on a line of its own) is the point of no return: with it the message becomes the server's to
deliver (RFC 5321, 4.1.1.4), and until the server answers, nobody can tell whether it has.

A connection carries one message and ends with QUIT, whose 221 is awaited: it tells that the reply before it was the
answer it was taken for. What a server says late of one message is never heard by the next.
"""

import asyncio
from datetime import timedelta
from typing import NamedTuple

from domain.outcome import NotSent, Outcome
from providers.provider import CLAIM_EXPIRED, GATE_FAILED, Gate, Letter
from providers.smtp.message import TERMINATOR, envelope, refuse_for_server, refuse_unfit, stuffed
from providers.smtp.outcome import Phase, Trust, confirmed, is_to_be_confirmed, outcome_of
from providers.smtp.session import SmtpServer, open_wire, read_url
from providers.smtp.wire import SmtpReply, Wire

# Before the point of no return patience gains nothing: a failure there is safe, and the letter is tried again later
_STEP = timedelta(seconds=30)


class SmtpTimeouts(NamedTuple):
    """How long is waited: for setting up a session and for each reply of the envelope; for the body, for the end."""

    step: timedelta
    final: timedelta


class SmtpProvider:
    """Sends through one SMTP server. Sends may run side by side, each on a connection of its own."""

    name = "smtp"

    def __init__(self, server: SmtpServer, patience: SmtpTimeouts, *, deferral_means_not_sent: bool = False) -> None:
        self._server = server
        self._patience = patience
        self._trust = Trust(deferrals=deferral_means_not_sent)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        send_timeout: timedelta,
        allow_plain_remote: bool = False,
        deferral_means_not_sent: bool = False,
    ) -> "SmtpProvider":
        """Make a provider of a URL (`smtp_session.read_url`); raises ValueError with a sentence.

        `send_timeout` bounds the wait for the final reply, and the transfer of the body, each in total. The session's
        set-up and each reply before are bounded by 30 s, or by `send_timeout` if that is shorter.
        `deferral_means_not_sent` declares that the server never delivers what it answered 4yz after the terminator.
        """
        server = read_url(url, allow_plain_remote=allow_plain_remote)
        patience = SmtpTimeouts(step=min(_STEP, send_timeout), final=send_timeout)
        return cls(server, patience, deferral_means_not_sent=deferral_means_not_sent)

    async def send(self, letter: Letter, gate: Gate) -> Outcome:
        """Send one letter (`Provider.send`). Cancelled, it drops the connection and gives no outcome."""
        unfit = refuse_unfit(letter)
        if unfit is not None:
            return unfit
        transaction = _Transaction(letter, gate, self._patience)
        wire: Wire | None = None
        try:
            wire = await open_wire(self._server, self._patience.step, transaction.enter)
            return await self._outcome(transaction, wire)
        except Exception as error:  # whatever it is: the phase tells what it means
            return outcome_of(transaction.phase, error, self._trust)
        finally:
            if wire is not None:
                self._remember(wire)
                wire.drop()

    async def close(self) -> None:
        """Do nothing: no connection outlives its message."""

    async def _outcome(self, transaction: "_Transaction", wire: Wire) -> Outcome:
        ended = await transaction.run(wire)
        if not isinstance(ended, SmtpReply):
            return ended
        outcome = outcome_of(transaction.phase, ended, self._trust)
        # a half-sent message must not be followed by anything
        if transaction.phase is Phase.BODY or not is_to_be_confirmed(transaction.phase, outcome):
            return outcome
        afterwards = await wire.quit(transaction.patience_left())
        self._remember(wire)
        return confirmed(transaction.phase, ended, afterwards, self._trust)

    def _remember(self, wire: Wire) -> None:
        """From the first thing that a server said unasked, nothing is believed of it that its 221 doesn't confirm."""
        self._trust = self._trust._replace(orderly=self._trust.orderly and not wire.unasked)


class _Transaction:
    """One try at one letter. `phase` is always true, however the try ends."""

    def __init__(self, letter: Letter, gate: Gate, patience: SmtpTimeouts) -> None:
        self.phase = Phase.CONNECT
        self._letter = letter
        self._gate = gate
        self._patience = patience
        self._last_answer_at: float | None = None

    def enter(self, phase: Phase) -> None:
        self.phase = phase

    def patience_left(self) -> timedelta:
        """How long QUIT's answer may take: a step's time, within what is left for the end of the whole send."""
        if self._last_answer_at is None:
            return self._patience.step
        left = timedelta(seconds=self._last_answer_at - asyncio.get_running_loop().time())
        return min(self._patience.step, left)

    async def run(self, wire: Wire) -> SmtpReply | Outcome:
        """Hand the letter over; gives the reply that ended it, or what ended it without one. Raises as `Wire` does."""
        self.phase = Phase.MAIL
        unfit = refuse_for_server(self._letter, wire.extensions)
        if unfit is not None:
            return unfit
        ended = await self._envelope(wire)
        if ended is not None:
            return ended
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
        self._last_answer_at = asyncio.get_running_loop().time() + self._patience.final.total_seconds()
        return await wire.reply(self._patience.final)

    async def _envelope(self, wire: Wire) -> SmtpReply | None:
        """Go as far as the server's invitation to send the body; the reply if it ends before."""
        mail, rcpt = envelope(self._letter, wire.extensions)
        for phase, command, wanted in ((Phase.MAIL, mail, 2), (Phase.RCPT, rcpt, 2), (Phase.DATA, b"DATA", 3)):
            self.phase = phase
            reply = await wire.ask(command, self._patience.step)
            if reply.digit != wanted:
                wire.unasked |= reply.digit not in (4, 5)  # no answer to this command: one to another, said again
                return reply
        return None

    async def _ask_gate(self) -> Outcome | None:
        try:
            may = await self._gate()
        except Exception as error:  # the gate is the caller's, and nothing has been crossed
            return NotSent(code=GATE_FAILED, reply=type(error).__name__)
        return None if may else NotSent(code=CLAIM_EXPIRED)

    async def _heard_early(self, wire: Wire) -> SmtpReply:
        # the server ended the message's transfer by itself: by a reply, or by hanging up, which raises
        reply = await wire.reply(self._patience.step)
        wire.unasked |= reply.digit not in (4, 5)
        return reply
