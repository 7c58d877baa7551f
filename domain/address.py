"""Which addresses can be written to, and how they go over the wire."""

import re

from email_validator import EmailNotValidError, validate_email

from domain.given import require_visible


def deliverable(address: str) -> str:
    """Return an address as it goes over the wire: normalised, its domain as an A-label.

    The check is one of form; nobody is asked. Raises ValueError saying what is wrong, never naming the address.
    """
    require_visible(address)
    try:
        # test_environment: `.test` is where the whole local world lives, and no public mail goes there
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("is not an address: give one such as ada@example.com") from None
    if valid.ascii_email is None:
        raise ValueError(
            "has letters beyond ASCII before the '@', which only some mail servers accept (SMTPUTF8):"
            " give an address without"
        )
    return valid.ascii_email


def suppressible(address: str) -> str:
    """Return an address as the suppression list has it: as it goes over the wire where it can, and in lower case."""
    try:
        return deliverable(address).lower()
    except ValueError:
        return address.lower()


def suppression_entry(written: str) -> str:
    """Return what a person wrote as the suppression list has it: an address, `@domain`, or a forgotten one's hash.

    Raises ValueError saying what is wrong, never naming the address.
    """
    written = written.strip()
    if re.fullmatch(r"sha256:[0-9a-f]{64}", written):
        return written
    if not written.startswith("@"):
        return deliverable(written).lower()
    try:
        return "@" + deliverable(f"x{written}").rpartition("@")[2].lower()
    except ValueError:
        raise ValueError("is not a domain: give one such as @example.com") from None
