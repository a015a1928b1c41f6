"""What the worker and a kind of gateway say to each other, as plain values.

A driver turns wishes (`Desired`) and facts (`Observed`) into operations (`Op`), and
what came of them into an `Outcome` for each login. Nothing here knows Odoo or a device.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

# The characters every stock FreeRADIUS SQL configuration leaves as they are
# (`safe_characters`), without the space and the escape sign.
LOGIN_PATTERN = re.compile(r"[A-Za-z0-9@._:/-]{1,64}")

# Ways onto the net a login can be for.
SERVICES = ("pppoe", "hotspot", "static", "dhcp")


class DriverError(Exception):
    """Something went wrong with a device; the text may be shown to staff.

    :ivar kind: "transport" (not reached, too slow, locked: try again later),
        "auth" (name or password of the gateway refused), "rights" (logged in,
        but may not do it), "row" (this one login is the trouble), "dependency"
        (something the device must have first is missing) or "identity" (this
        may not be the device, or not the books, we think: a person decides).
    :ivar outcomes: what was proved before a gateway-wide failure, by login.
    """

    kind = "transport"

    def __init__(self, message: str, outcomes: "dict[str, Outcome] | None" = None):
        super().__init__(message)
        self.outcomes = outcomes or {}


class TransportError(DriverError):
    """:ivar was_kept: the connection had been used before and lain idle."""

    kind = "transport"
    was_kept = False


class AuthError(DriverError):
    kind = "auth"


class RightsError(DriverError):
    kind = "rights"


class RowError(DriverError):
    kind = "row"


class DependencyError(DriverError):
    kind = "dependency"


class IdentityError(DriverError):
    """:ivar found: the mark that stands on the device, as text; "" for none."""

    kind = "identity"

    def __init__(self, message: str, found: str = ""):
        super().__init__(message)
        self.found = found


_HEALTH = {
    "transport": "down",
    "auth": "auth_error",
    "rights": "rights_error",
    "dependency": "config_error",
    "identity": "identity_error",
}


def get_health(error: DriverError) -> str:
    """Return the state of a gateway as a whole that fails so, such as "down"."""
    return _HEALTH.get(error.kind, "down")


@dataclass(frozen=True)
class Desired:
    """What one login should be allowed on one gateway.

    :param login: the user name; see `LOGIN_PATTERN`.
    :param password: clear text; None leaves the password that is there.
    :param on: may be on the net now.
    :param walled: not on, but let in to reach the provider's own pages.
    :param service: one of `SERVICES`.
    :param rate_down: bit/s towards the subscriber; None is not limited.
    :param rate_up: bit/s from the subscriber; None is not limited.
    :param plan: stable key of the package, such as "isp_plan_12".
    :param expires_at: aware moment at which the device cuts by itself.
    :param simultaneous: sessions at once; None is not limited.
    :param mac: the only device let in, as "AA:BB:CC:00:11:22"; None is any.
    :param fixed_ip: IPv4 address of the subscriber; None is from the pool.
    :param ipv6_prefix: prefix delegated to the subscriber; None is from the pool.
    :param pool: name of the plan's IPv4 pool on the device; "" leaves its own.
    :param ipv6_pool: name of the plan's pool of IPv6 prefixes.
    :param fresh_since: aware moment; sessions that began before it still live by
        what was allowed before, and are dropped. Those of a login that is neither
        on nor walled are dropped whenever they began.
    :param speed_since: aware moment; sessions that began before it may have another
        speed, and are told the new one or dropped.
    :param tag: what marks a row of the device as ours, such as "isp:3f9a:1234".
    :param present: False when the login should no longer exist here.
    :param extra: further reply attributes; the value None removes one, an
        attribute that is not named is left alone.
    """

    login: str
    password: str | None = field(default=None, repr=False)
    on: bool = False
    walled: bool = False
    service: str = "pppoe"
    rate_down: int | None = None
    rate_up: int | None = None
    plan: str = ""
    expires_at: datetime | None = None
    simultaneous: int | None = None
    mac: str | None = None
    fixed_ip: str | None = None
    ipv6_prefix: str | None = None
    pool: str = ""
    ipv6_pool: str = ""
    fresh_since: datetime | None = None
    speed_since: datetime | None = None
    tag: str = ""
    present: bool = True
    extra: Mapping[str, str | None] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )

    @classmethod
    def from_mapping(cls, wish: Mapping) -> "Desired":
        """Return the wish of a dict; keys that are no field here are ignored."""
        known = cls.__dataclass_fields__.keys()
        return cls(**{key: wish[key] for key in known & wish.keys()})


@dataclass(frozen=True)
class Observed:
    """What the device says about one login, in the units of `Desired`."""

    login: str
    present: bool = False
    ours: bool = False
    on: bool = False
    walled: bool = False
    service: str = ""
    password: str | None = field(default=None, repr=False)
    rate_down: int | None = None
    rate_up: int | None = None
    plan: str = ""
    expires_at: datetime | None = None
    simultaneous: int | None = None
    mac: str | None = None
    fixed_ip: str | None = None
    ipv6_prefix: str | None = None
    sessions: "tuple[Session, ...]" = ()


@dataclass(frozen=True)
class Session:
    """One session a device calls open.

    :param session_id: the device's name for it (Acct-Session-Id, `.id`).
    :param started_at: aware; None where the device doesn't tell.
    :param address: IPv4 address the subscriber has.
    :param caller: MAC address, or what the device has of the caller.
    :param nas: address of the router that holds it.
    :param updated_at: aware; when the device last told of it.
    :param is_silent: it is probably over: nothing was heard of it for long. It is
        dropped like others, but what comes of that decides nothing.
    """

    login: str
    session_id: str
    started_at: datetime | None = None
    address: str = ""
    caller: str = ""
    nas: str = ""
    updated_at: datetime | None = None
    upload: int = 0
    download: int = 0
    is_silent: bool = False


class Kick(NamedTuple):
    """What came of dropping or changing a session: `state` is "gone", "changed",
    "refused" or "silent"."""

    state: str
    text: str


class Mark(NamedTuple):
    """What tells on the device whose it is: `database`'s uuid and a run number that
    only grows. A restored backup finds a greater one than its own."""

    database: str
    run: int


@dataclass(frozen=True)
class Op:
    """One change on the device.

    :param verb: "add", "set", "enable", "disable", "remove" or "kick" (drop a
        session).
    :param login: `login_key` of whom it belongs to; "" for a shared object.
    :param shared: name of the shared object (plan group, profile), or "".
    """

    verb: str
    login: str = ""
    shared: str = ""

    @property
    def target(self) -> str:
        """Under what `AccessDriver.apply` reports: the login, or "shared NAME"
        (no login holds a space)."""
        return self.login or f"shared {self.shared}"

    def describe(self) -> str:
        """Return the change in words for the access log, secrets masked."""
        raise NotImplementedError


@dataclass(frozen=True)
class Result:
    """How the operations of one target went: an empty `kind` is success."""

    kind: str = ""
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is proved of one login after a run.

    :param state: "applied" (read back as desired), "unfinished" (as desired, but a
        session may still be up: to be tried again) or "error".
    :param kind: kind of the error: "row" or "dependency"; "" when applied.
    :param error: sentence for staff, no secret; "" when applied.
    :param commands: masked descriptions of the operations sent.
    :param changed: whether anything was written for it and stayed.
    :param on: observed afterwards, like `plan`, `rate_down` and `rate_up`;
        None where nothing was observed.
    :param warnings: facts a person should know, though the wish is fulfilled.
    """

    state: str
    kind: str = ""
    error: str = ""
    commands: list[str] = field(default_factory=list)
    changed: bool = False
    present: bool | None = None
    on: bool | None = None
    plan: str | None = None
    rate_down: int | None = None
    rate_up: int | None = None
    warnings: list[str] = field(default_factory=list)


def login_key(login: str) -> str:
    """Return the form in which two logins are compared: trimmed, lower case."""
    return login.strip().lower()


def check_login(login: str) -> None:
    """Raise `RowError` with a sentence when a login can't be used on a device."""
    if not LOGIN_PATTERN.fullmatch(login):
        raise RowError(
            f"The login {login[:80]!a} can't be used: 1 to 64 of the letters A-Z and "
            "a-z, digits and @ . _ : / - are allowed. Correct it on the connection."
        )
