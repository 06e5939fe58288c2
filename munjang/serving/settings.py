"""What a server is told: where it listens, how much it takes, who may ask."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from munjang.errors import ConfigError, MunjangError
from munjang.inference.explain import MAX_WORDS
from munjang.translation import _

LOCAL = "127.0.0.1"


class Overloaded(MunjangError):
    """There is no room. retry_s: when there is likely to be room."""

    http_status = 503

    def __init__(self, message: str, retry_s: int = 1) -> None:
        super().__init__(message)
        self.retry_s = retry_s


@dataclass(frozen=True)
class Limits:
    """How much is taken. A ConfigError names a value that is out of range.

    queue: texts that may wait for one network, and requests that may be under way at once. timeout_s: for reading a
    request and answering it. body_bytes, texts, characters: of one request, of one request, of one text. file_bytes,
    rows: of a file that the playground sends to be read.
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
            if getattr(self, name) < least:
                raise ConfigError(
                    _(
                        "{name} is {getattr}; it must be {least} at least.",
                        name=name,
                        getattr=getattr(self, name),
                        least=least,
                    )
                )
        if not 0 < self.timeout_s <= 3_600:
            raise ConfigError(
                _("timeout_s is {timeout_s:g}; it must be more than 0 and at most 3600.", timeout_s=self.timeout_s)
            )
        if self.texts > self.queue:
            raise ConfigError(
                _(
                    "A request may bring {texts} texts, but only {queue} may wait. Allow fewer texts a "
                    "request, or a longer queue.",
                    texts=self.texts,
                    queue=self.queue,
                )
            )

    @property
    def words(self) -> int:
        """Eojeols of a text that is explained: without each of them it must fit into the queue once more."""
        return min(MAX_WORDS, self.queue - 1)


@dataclass(frozen=True)
class Settings:
    """A server's settings. ConfigError: an empty key, an origin that is none, a port or a wait out of range.

    port: 0 takes a free one. wait_s: how long a batch waits for requests that are likely to come. default: the model
    that answers at / and /predict; the first if left out. api_key: what a client must show; "" asks for none. origins:
    pages of other sites that may ask (CORS). log_texts: whether texts and answers may stand in the log. hosts: names
    by which clients may call this server beside its own, see `known_hosts`.
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
                _("A batch would wait {wait_s:g} ms for more; it must be 0 to 1000.", wait_s=1000 * self.wait_s)
            )
        for origin in self.origins:
            if origin != "*" and (not origin.startswith(("http://", "https://")) or origin.count("/") != 2):
                raise ConfigError(
                    _(
                        "'{origin}' is no origin; write it like https://example.org, without a path, or *.",
                        origin=origin,
                    )
                )
        for name in self.hosts:
            if not name or set(name) & set("/*:@ "):
                raise ConfigError(
                    _("'{name}' is no name of a host; write it like munjang.example.org, without a port.", name=name)
                )

    @property
    def known_hosts(self) -> frozenset[str]:
        """What the header Host may name, without its port; empty where every name will do.

        Where only this machine can connect, a page of another site could still have its own name point here (DNS
        rebinding) and read what is answered: so the names are those of this machine, and those that were allowed.
        """
        if not self.hosts and not is_loopback(self.host):
            return frozenset()
        own = f"[{self.host}]" if ":" in self.host else self.host
        return frozenset(name.casefold() for name in ("localhost", LOCAL, "[::1]", own, *self.hosts))


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_key(key: str | None) -> str:
    """The key that clients must show, "" for none. ConfigError: it is set but empty, or holds a space or line break."""
    if key is None:
        return ""
    if not key or key != "".join(key.split()):
        raise ConfigError(_("The API key is empty or holds white space. Leave it out for a server that asks for none."))
    return key
