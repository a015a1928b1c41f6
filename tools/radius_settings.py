"""How to reach the database of a FreeRADIUS."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from zoneinfo import ZoneInfo

from .access_types import DependencyError

DIALECTS = ("postgresql", "mysql")


@dataclass(frozen=True)
class RadiusSettings:
    """How to reach the database FreeRADIUS reads.

    :param host: name, address or socket directory.
    :param tz: zone of the FreeRADIUS host, which reads `Expiration` in it.
    :param connect_timeout: seconds, as `statement_timeout` and `lock_timeout`.
    :param reply_message: what a refused login's router is told.
    :param walled_list: address list of logins that reach the pay page only.
    :param walled_pool: their address pool, "" for that of the router.
    :param walled_rate: bit/s both ways while walled.
    :param schema: the one the tables are in, "" for the role's own.
    :param coa_secret: shared with the routers, for dropping sessions; empty drops none.
    :param coa_port: UDP port the routers listen on for that.
    :param coa_host: where to send it instead of the router's own address (NAT).
    :param coa_timeout: seconds to wait for a router's answer before asking again.
    :param coa_tries: how often one router is asked.
    :param coa_speed: whether routers are told a new speed, instead of dropping.
    :param stale_after: seconds without an update after which an open session doesn't
        count, at least three of its own intervals; 0 counts all.
    """

    host: str | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int = 5432
    dialect: str = "postgresql"
    tz: str = "UTC"
    connect_timeout: float = 5.0
    statement_timeout: float = 10.0
    lock_timeout: float = 2.0
    sslmode: str = "prefer"
    reply_message: str = "Your internet access is off. Please contact your provider."
    walled_list: str = "isp_walled"
    walled_pool: str = ""
    walled_rate: int = 256_000
    schema: str = ""
    coa_secret: str | None = field(default=None, repr=False)
    coa_port: int = 3799
    coa_host: str = ""
    coa_timeout: float = 1.5
    coa_tries: int = 3
    coa_speed: bool = False
    stale_after: float = 900.0

    @classmethod
    def from_mapping(cls, settings: Mapping) -> "RadiusSettings":
        """Build from a mapping with the names of the fields.

        :raise DependencyError: there is a name that is no field.
        """
        if unknown := sorted(settings.keys() - {item.name for item in fields(cls)}):
            raise DependencyError(
                f"A FreeRADIUS gateway has no setting {', '.join(unknown)}."
            )
        return cls(**settings)

    def check(self) -> None:
        """Raise `DependencyError` with a sentence when something is amiss."""
        words = {"host": "address", "database": "database", "user": "user"}
        for name, word in words.items():
            if not getattr(self, name):
                raise DependencyError(
                    f"The FreeRADIUS gateway has no {word}. Enter it on the gateway."
                )
        if self.dialect not in DIALECTS:
            raise DependencyError(
                f"FreeRADIUS on {self.dialect!r} is not supported. Use one of: "
                f"{', '.join(DIALECTS)}."
            )
        self.zone()

    def zone(self) -> ZoneInfo:
        """Return the zone of the FreeRADIUS host.

        :raise DependencyError: there is no such zone.
        """
        try:
            return ZoneInfo(self.tz)
        except (KeyError, ValueError, OSError, TypeError):
            raise DependencyError(
                f"{self.tz!r} is no time zone. Choose one such as "
                "'Africa/Nairobi' on the gateway."
            ) from None
