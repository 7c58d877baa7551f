"""How a process meets its terminal: standard streams that may be closed, full or ASCII alone, and how it ends.

The exit code is the work's own. 1: it could not be written to standard output. 141, in silence: the reader of standard
output closed it, as `head` does; a shell says so of a program that SIGPIPE ends, which is how others end then.
"""

import codecs
import errno
import io
import locale
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TextIO

# 128 and the signal's number, as shells write it; the signal itself would end a worker that loses a connection
_CLOSED_BY_ITS_READER = 128 + 13
_STDIN, _STDOUT, _STDERR = 0, 1, 2


class OutputError(Exception):
    """Standard output can't be written. `code` is what the process ends with: work that was done stays done."""

    def __init__(self, error: OSError) -> None:
        self.closed_by_its_reader = error.errno == errno.EPIPE
        self.code = _CLOSED_BY_ITS_READER if self.closed_by_its_reader else 1
        reason = "it is closed" if error.errno == errno.EBADF else os.strerror(error.errno or 0)
        super().__init__(
            f"can't write to standard output ({reason}): what was done stays done, but the output is incomplete"
        )


def main(work: Callable[[], Any], name: str) -> NoReturn:
    """Run the work of this process, whose sentences begin with `name`, and end it. The work returns its exit code."""
    open_streams()
    try:
        code = work()
    except SystemExit as end:
        code = end.code
    except OutputError as error:
        _leave_unwritten(error, name)
    except UnicodeEncodeError:
        if all(map(_is_text, sys.argv)):
            raise
        complain(name, "an argument holds bytes that are no text here: write it in the encoding of your locale")
        code = 2
    leave(code, name)


def leave(code: int | str | None, name: str = "") -> NoReturn:
    """End the process at once; everything is done by now.

    The Temporal SDK's threads abort a Python that finalises under them, now and then: SIGABRT after all was done.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OutputError as error:
        _leave_unwritten(error, name)
    except (OSError, ValueError):
        pass  # of a process that did not begin with `main`: nobody reads it any more
    _end(code if isinstance(code, int) else int(code is not None))


def complain(name: str, sentences: str) -> None:
    """Write sentences for people on stderr, after the command's name."""
    for sentence in sentences.splitlines():
        sys.stderr.write(f"{name}: {sentence}\n")


def can_ask() -> bool:
    """Say whether there is a terminal to ask a question on."""
    return sys.stdin is not None and sys.stdin.isatty()


def open_streams() -> None:
    """Let every standard stream be one that can be written to, and that tells when it can't.

    First of all: where a stream is closed, the next file or connection would take its number, and what is written to
    that stream, by libraries too, would go into it.
    """
    for number in (_STDIN, _STDOUT, _STDERR):
        _occupy(number)
    sys.stdin = sys.stdin or open(_STDIN, closefd=False, encoding="utf-8")  # noqa: SIM115  # until the end
    sys.stdout = _text(_Written(_STDOUT, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Heard(_STDERR, "w", closefd=False), sys.stderr, line_buffering=True)


def _is_text(argument: str) -> bool:
    """Say whether an argument could be decoded; what could not stands in it as halves of characters."""
    return not any(0xDC80 <= ord(character) <= 0xDCFF for character in argument)


def _occupy(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # it takes the lowest number that is free. For reading alone, even as stdout: what is written there fails
        os.open(os.devnull, os.O_WRONLY if number == _STDERR else os.O_RDONLY)
        os.set_inheritable(number, True)


class _Written(io.FileIO):
    """Standard output. Its failures are no OSError, so that no library takes them for its own."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(error) from None


class _Heard(io.FileIO):
    """Standard error. There is nobody to tell that it can't be written."""

    def write(self, data: Any) -> int:
        with suppress(OSError):
            return super().write(data)
        return len(data)


class _Ascii(io.TextIOWrapper):
    """A stream of ASCII, which shows other characters by their numbers.

    It says that it takes UTF-8: click takes ASCII for a mistake, and goes round such a stream.
    """

    def write(self, text: str) -> int:
        super().write(text.encode("ascii", "backslashreplace").decode())
        return len(text)


def _text(raw: io.FileIO, before: TextIO | None, *, line_buffering: bool = False) -> io.TextIOWrapper:
    encoding = before.encoding if before is not None else locale.getencoding()
    is_ascii = codecs.lookup(encoding).name == "ascii"
    return (_Ascii if is_ascii else io.TextIOWrapper)(
        io.BufferedWriter(raw),
        encoding="utf-8" if is_ascii else encoding,
        errors="backslashreplace",
        line_buffering=line_buffering or raw.isatty(),
        write_through=bool(getattr(before, "write_through", False)),
    )


def _leave_unwritten(error: OutputError, name: str) -> NoReturn:
    if not error.closed_by_its_reader:
        complain(name, str(error))
    _end(error.code)


def _end(code: int) -> NoReturn:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    os._exit(code)
