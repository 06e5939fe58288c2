"""The settings of a server: its address, its limits, its access rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from munjang.errors import ConfigError, MunjangError
from munjang.inference.explain import MAX_WORDS
from munjang.translation import _

LOCAL = "127.0.0.1"


class Overloaded(MunjangError):
    """There is no room for a request. retry_s: the seconds until there is probably room again."""

    http_status = 503

    def __init__(self, message: str, retry_s: int = 1) -> None:
        super().__init__(message)
        self.retry_s = retry_s


@dataclass(frozen=True)
class Limits:
    """The limits of a server. ConfigError: a value is out of range.

    queue: texts that may wait for one model, and requests that may be open at once. timeout_s: the time to read and
    answer a request. body_bytes, texts: of one request. characters: of one text. file_bytes, rows: of a file that the
    playground sends.
    """

    queue: int = 1_024
    timeout_s: float = 30.0
    body_bytes: int = 2_000_000
    texts: int = 256
    characters: int = 10_000
    file_bytes: int = 10_000_000
    rows: int = 20_000

    def __post_init__(self) -> None:
        for name, least in (("queue", 1), ("body_bytes", 64), ("texts", 1), ("characters", 1), ("file_bytes", 64),
                            ("rows", 1)):  # fmt: skip
            value = getattr(self, name)
            if value < least:
                raise ConfigError(
                    _("{name} is {value}; it must be at least {least}.", name=name, value=value, least=least)
                )
        if not 0 < self.timeout_s <= 3_600:
            raise ConfigError(
                _("timeout_s is {value:g}; it must be more than 0 and at most 3600.", value=self.timeout_s)
            )
        if self.texts > self.queue:
            raise ConfigError(
                _(
                    "A request may have {texts} texts, but only {queue} texts may wait. Allow fewer texts per request, "
                    "or a longer queue.",
                    texts=self.texts,
                    queue=self.queue,
                )
            )

    @property
    def words(self) -> int:
        """How many eojeols a text may have to be explained: the queue must have room for it without each of them."""
        return min(MAX_WORDS, self.queue - 1)


@dataclass(frozen=True)
class Settings:
    """The settings of a server. ConfigError: an invalid origin or host name, or a port or wait out of range.

    port: 0 takes a free one. wait_s: how long a batch waits for requests that will probably come. default: the model
    that answers at / and /predict; the first one if left out. api_key: what a client must send; "" for no key. origins:
    other sites whose pages may use the server (CORS). log_texts: whether texts and answers are logged. hosts: more
    names by which clients may call this server; see `known_hosts`.
    """

    host: str = LOCAL
    port: int = 8_000
    default: str | None = None
    limits: Limits = field(default_factory=Limits)
    wait_s: float = 0.002
    api_key: str = field(default="", repr=False)
    origins: Sequence[str] = ()
    log_texts: bool = False
    hosts: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError(_("The port is {port}; it must be 0 to 65535, where 0 takes a free one.", port=self.port))
        if not 0 <= self.wait_s <= 1:
            raise ConfigError(
                _("A batch would wait {wait:g} ms for more requests; it must be 0 to 1000.", wait=1000 * self.wait_s)
            )
        for origin in self.origins:
            if origin != "*" and (not origin.startswith(("http://", "https://")) or origin.count("/") != 2):
                raise ConfigError(
                    _(
                        "'{origin}' is not an origin. Write it like https://example.org, without a path, or *.",
                        origin=origin,
                    )
                )
        for name in self.hosts:
            if not name or set(name) & set("/*:@ "):
                raise ConfigError(
                    _("'{name}' is not a host name. Write it like munjang.example.org, without a port.", name=name)
                )

    @property
    def known_hosts(self) -> frozenset[str]:
        """The names that the header Host may have, without the port; empty if every name is allowed.

        Even if only this machine can connect, a page of another site could let its own name point here (DNS rebinding)
        and read the answers. So only the names of this machine and the names in `hosts` are allowed.
        """
        if not self.hosts and not is_loopback(self.host):
            return frozenset()
        host = f"[{self.host}]" if ":" in self.host else self.host
        return frozenset(name.casefold() for name in ("localhost", LOCAL, "[::1]", host, *self.hosts))


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_key(key: str | None) -> str:
    """The key that clients must send, "" for no key. ConfigError: it is empty, or has a space or line break."""
    if key is None:
        return ""
    if not key or key != "".join(key.split()):
        raise ConfigError(_("The API key is empty or has white space. Leave it out for a server without a key."))
    return key
