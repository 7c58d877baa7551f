"""Which provider a setting's name means."""

from datetime import timedelta

from providers.provider import Provider
from providers.scripted import ScriptedProvider
from providers.smtp.provider import SmtpProvider


def open_provider(
    name: str,
    smtp_url: str,
    send_timeout: timedelta,
    *,
    allow_plain_remote: bool = False,
    deferral_means_not_sent: bool = False,
) -> Provider:
    """Make the provider of a name; nothing is connected yet.

    Raises ValueError with a sentence for an unknown name or a bad URL, never quoting the URL.
    """
    match name:
        case "smtp":
            return SmtpProvider.from_url(
                smtp_url,
                send_timeout=send_timeout,
                allow_plain_remote=allow_plain_remote,
                deferral_means_not_sent=deferral_means_not_sent,
            )
        case "scripted":
            return ScriptedProvider()
    raise ValueError(f"no provider is named {name!r}: expected smtp or scripted")
