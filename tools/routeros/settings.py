"""How to reach a router, and what it is told of walled subscribers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ..access_types import DependencyError

LOGIN_METHODS = ("plain", "token")
PORT, TLS_PORT = 8728, 8729

_NO_HEX = re.compile(r"[^0-9a-f]")


@dataclass(frozen=True)
class RouterOsSettings:
    """How to reach a router's API.

    :param port: 0 is the usual one, 8728 or with TLS 8729.
    :param tls_fingerprint: SHA-256 of the router's certificate, in hex; empty has
        the certificate checked against the authorities this host trusts.
    :param login_method: "plain" from RouterOS 6.43 on, "token" before.
    :param serial: serial number or licence id of the router; another one is not
        written to. Empty takes any.
    :param books: how the marks of our books begin, such as "isp:3f9a1b2c"; rows with
        another mark are foreign. Empty takes the mark of each wish.
    :param adopt: take over a row that stands on the router under the same name and
        is not ours; otherwise it is left alone and a person is told.
    :param connect_timeout: seconds for connecting and logging in.
    :param operation_timeout: seconds without an answer while one is due.
    :param walled_list: address list of logins that reach the pay page only.
    :param old_walled_lists: what that list was called before.
    :param walled_pool: their address pool, "" for that of the router.
    :param walled_rate: bit/s both ways while walled.
    :param off_list: address list of lines without login that are off.
    """

    host: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int = 0
    use_tls: bool = False
    tls_fingerprint: str = ""
    login_method: str = "plain"
    serial: str = ""
    books: str = ""
    adopt: bool = False
    connect_timeout: float = 5.0
    operation_timeout: float = 6.0
    walled_list: str = "isp_walled"
    old_walled_lists: tuple[str, ...] = ()
    walled_pool: str = ""
    walled_rate: int = 256_000
    off_list: str = "isp_off"

    @classmethod
    def from_mapping(cls, settings: Mapping) -> "RouterOsSettings":
        """Build from a mapping with the names of the fields.

        :raise DependencyError: there is a name that is no field.
        """
        if unknown := sorted(settings.keys() - {item.name for item in fields(cls)}):
            raise DependencyError(
                f"A RouterOS gateway has no setting {', '.join(unknown)}."
            )
        return cls(**settings)

    def check(self) -> None:
        """Raise `DependencyError` with a sentence when something is amiss."""
        words = {"host": "address", "user": "user", "walled_list": "pay page list"}
        for name, word in words.items():
            if not getattr(self, name):
                raise DependencyError(
                    f"The RouterOS gateway has no {word}. Enter it on the gateway."
                )
        if self.login_method not in LOGIN_METHODS:
            raise DependencyError(
                f"{self.login_method!r} is no way to log in to RouterOS. Choose one "
                f"of: {', '.join(LOGIN_METHODS)}."
            )
        if self.tls_fingerprint and len(self.fingerprint()) != 64:
            raise DependencyError(
                "The certificate's fingerprint must be the 64 hexadecimal digits of "
                "its SHA-256. Copy it from /certificate print detail."
            )

    def lists(self) -> set[str]:
        """Return the address lists in which rows of ours may stand."""
        return {self.walled_list, self.off_list, *self.old_walled_lists}

    def fingerprint(self) -> str:
        """Return the pinned fingerprint as bare lower-case digits."""
        return _NO_HEX.sub("", self.tls_fingerprint.lower())

    def used_port(self) -> int:
        """Return the port to connect to."""
        return self.port or (TLS_PORT if self.use_tls else PORT)
