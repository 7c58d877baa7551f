"""The only reader of the environment (and of `.env`): what is set, checked, with every error naming its variable."""

import getpass
import re
from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from temporalio.envconfig import ClientConfig

import devstack.state
from domain.duration import Duration
from domain.limits import Limits
from web.clients import Network, read_networks

PREFIX = "FOLLOWUP_"
HOME = Path(__file__).parent
_S = TypeVar("_S", bound=BaseSettings)
_DEFAULT_WORKSPACE = "default"
# A header's line has at most 998 characters (RFC 5322, 2.1.1), and a URL in it is never folded.
_LONGEST_PUBLIC_URL = 900


class SettingsError(Exception):
    """A setting is missing or bad. The message names the variable and the remedy, never a secret."""


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=HOME / ".env", extra="ignore", frozen=True)


class _Sequences(_Environment):
    # the folder whose sequences the app and people may name; of a relative one, below the working directory
    sequences: Path = HOME / "sequences"

    @field_validator("sequences", mode="before")
    @classmethod
    def _folder(cls, written: str | Path) -> Path:
        folder = Path(written) if str(written).strip() else HOME / "sequences"
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder}: name the folder of the sequence files")
        return folder


class Settings(_Sequences):
    """Settings of every process. Each field is the variable `FOLLOWUP_<NAME>`."""

    database_url: SecretStr
    workspace: str = Field(default=_DEFAULT_WORKSPACE, pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    # `follow-up` for the workspace `default`, else `follow-up-<workspace>`: two workspaces never share one by accident
    task_queue: str = Field(default="", validate_default=True)
    provider: str = Field(default="smtp", pattern=r"^(smtp|scripted)$")
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:25")
    # smtp:// sends letters as they are: fine on this machine, and to a relay whose network one trusts
    smtp_plain: bool = False
    # declares that the server never delivers what it answered 4yz after the terminator; stock ones do (docs/why.md)
    smtp_deferral_means_not_sent: bool = False
    # RFC 5321, 4.5.3.2.6: less than ten minutes "would typically result in delivery of multiple copies"
    send_timeout: timedelta = Field(default=timedelta(seconds=600), gt=timedelta(0), le=timedelta(hours=1))
    sender: str
    event_secret: SecretStr = SecretStr("")
    # without it the inbound door takes what the event secret signs
    inbound_secret: SecretStr = SecretStr("")
    # whose X-Forwarded-For is believed, by the limits for each client: addresses and networks
    trusted_proxies: str = ""
    # where the HTTP door is reached from outside; with it every mail has a link that unsubscribes (RFC 8058)
    public_url: str | None = None
    # answers and bounces come to local+hash@domain, the hash telling what they are about
    plus_addresses: bool = False
    # mails to one lead in any seven days, mails by one sender on one day (UTC), and from one of them to the next
    lead_weekly_cap: int | None = Field(default=None, ge=1)
    sender_daily_cap: int | None = Field(default=None, ge=1)
    sender_gap: Duration = timedelta(0)
    # how many steps one worker delivers at once; each may hold a provider connection
    concurrent_steps: int = Field(default=50, ge=1, le=1000)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # we have no folder of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the running devstack last: whatever is set by name wins over it."""
        return init_settings, env_settings, dotenv_settings, InitSettingsSource(settings_cls, _devstack_defaults())

    @field_validator("task_queue")
    @classmethod
    def _of_workspace(cls, queue: str, info: ValidationInfo) -> str:
        workspace = info.data.get("workspace", _DEFAULT_WORKSPACE)
        return queue or ("follow-up" if workspace == _DEFAULT_WORKSPACE else f"follow-up-{workspace}")

    @field_validator("send_timeout", mode="before")
    @classmethod
    def _seconds(cls, seconds: object) -> object:
        try:
            return timedelta(seconds=float(seconds)) if isinstance(seconds, str) else seconds
        except (ValueError, OverflowError):
            raise ValueError("must be a number of seconds, such as 600") from None

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith("postgresql+psycopg://"):
            raise ValueError("must begin with postgresql+psycopg://")
        return url

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in {"smtp", "smtp+starttls", "smtps"} or not parts.hostname:
            raise ValueError("must be smtp://host:port, smtp+starttls://user:password@host:587 or smtps://…:465")
        return url

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, written: str | None) -> str | None:
        url = (written or "").rstrip("/")
        if url and not _is_public(url):
            raise ValueError(
                "must be https://host or https://host/path (http:// for this machine alone), in ASCII, of at most"
                f" {_LONGEST_PUBLIC_URL} characters, without user, query and fragment"
            )
        return url or None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, written: str) -> str:
        read_networks(written)
        return written

    @field_validator("sender")
    @classmethod
    def _address(cls, sender: str) -> str:
        try:
            validate_email(parseaddr(sender)[1], check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            raise ValueError("must be an address such as 'Ada Lovelace <ada@example.com>'") from None
        return sender

    @property
    def limits(self) -> Limits:
        """What all workers of the workspace keep to."""
        return Limits(self.lead_weekly_cap, self.sender_daily_cap, self.sender_gap)

    @property
    def proxies(self) -> list[Network]:
        """The proxies in front of the HTTP door that are trusted."""
        return read_networks(self.trusted_proxies)

    @property
    def sender_address(self) -> Address:
        """The sender as name and address."""
        name, address = parseaddr(self.sender)
        return Address(display_name=name, addr_spec=address)


def read_settings() -> Settings:
    """Read the settings; what is not set is taken from the running devstack, if there is one.

    Raises SettingsError.
    """
    return _read(Settings)


def _read(kind: type[_S]) -> _S:
    try:
        return kind()
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        raise SettingsError("\n".join(_sentence(problem) for problem in problems)) from None


def read_sender() -> str | None:
    """Read the sender alone, whatever else is not set; None where it is not."""
    try:
        return Settings(database_url=SecretStr("postgresql+psycopg://")).sender
    except ValidationError:
        return None


def read_sequences() -> Path:
    """Read the folder of the sequences alone, whatever else is not set. Raises SettingsError."""
    return _read(_Sequences).sequences


def read_public_url() -> str | None:
    """Read the public URL alone, whatever else is not set; None where it is not."""
    try:
        return Settings(database_url=SecretStr("postgresql+psycopg://"), sender="nobody@example.com").public_url
    except ValidationError:
        return None


def temporal_connection() -> dict[str, Any]:
    """Say how Temporal is reached: Temporal's own variables and profiles, else the running devstack, else localhost.

    Keyword arguments for `Client.connect`. Raises SettingsError.
    """
    running = devstack.state.read(HOME)
    try:
        connection: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except Exception as error:  # envconfig raises what its parsers raise: every one of them is a bad setting
        raise SettingsError(f"TEMPORAL_…: {error}") from None
    connection.setdefault("target_host", running.temporal_address if running else "localhost:7233")
    return connection


def login_name() -> str:
    """Say who runs this process, for the ledger; never an address."""
    try:
        return getpass.getuser().partition("@")[0] or "unnamed"
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "unnamed"


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for one that is none
    except ValueError:
        return False
    own_machine = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    plain = re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]+)?", url)
    allowed = {"https", "http"} if own_machine else {"https"}
    return bool(plain and parts.hostname and parts.scheme in allowed and len(url) <= _LONGEST_PUBLIC_URL)


def _devstack_defaults() -> dict[str, Any]:
    running = devstack.state.read(HOME)
    if running is None:
        return {}
    return {
        "database_url": running.database_url,
        "smtp_url": running.smtp_url,
        "sender": "Ada Lovelace <ada@follow-up.test>",
    }


def _sentence(problem: Any) -> str:
    variable = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else PREFIX + "…"
    if problem["type"] == "missing":
        return f"{variable} is not set, and no devstack is running here: set it, or start one with `make run`"
    return f"{variable}: {problem['msg'].removeprefix('Value error, ')}"
