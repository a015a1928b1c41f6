"""The tables of a simulated RouterOS: what it stores, shows and refuses.

Made from its manual and from what users report; no line of this was tried on a real
router. Values are texts; bytes that aren't UTF-8 are kept by `surrogateescape`.
"""

import ipaddress
import re
import time
from dataclasses import dataclass, field


class Refusal(Exception):
    """What a router answers instead of doing it, with the number of its kind."""

    def __init__(self, message, category=""):
        super().__init__(message)
        self.message, self.category = message, category


def bits(text):
    """Return a rate as the router shows it in queues: bit/s."""
    match = re.fullmatch(r"(\d+)([kMG]?)", text)
    if not match:
        raise Refusal("invalid value for argument max-limit", "1")
    return str(int(match[1]) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[match[2]])


def _limit(text):
    up, _slash, down = text.partition("/")
    return f"{bits(up)}/{bits(down or up)}"


def _mac(text):
    if not re.fullmatch(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", text):
        raise Refusal("invalid value for argument mac-address", "1")
    return text.upper()


def _address(text):
    # Empty, too: this is what `unset` is for.
    if not re.fullmatch(r"\d+\.\d+\.\d+\.\d+", text):
        raise Refusal("invalid value for argument remote-address", "1")
    return text


def _prefix(text):
    return str(ipaddress.IPv6Network(text)) if text else ""


_STATUS = ("disabled", "comment")


@dataclass
class Table:
    """A menu with its rows: id → fields that aren't empty.

    :param fields: what may be set.
    :param refers: field → path of the table whose names it takes.
    :param unique: (fields, message): no two rows have the same of these.
    :param defaults: what is shown where nothing was set.
    :param normal: field → how a value is stored.
    """

    path: str
    fields: tuple
    refers: dict = field(default_factory=dict)
    unique: tuple = ()
    defaults: dict = field(default_factory=dict)
    normal: dict = field(default_factory=dict)
    shows_disabled: bool = True
    rows: dict = field(default_factory=dict)
    last: int = -1

    def show(self, row_id):
        row = {".id": row_id, **self.defaults, **self.rows[row_id]}
        if "started" in row:
            row["uptime"] = uptime(time.time() - row.pop("started"))
        if "disabled" in self.fields and (self.shows_disabled or "disabled" in row):
            row["disabled"] = "true" if "disabled" in row else "false"
        return row

    def new_id(self):
        self.last += 1
        return f"*{self.last:X}"

    def insert(self, **values):
        """Put a row there as the router itself does; return its id."""
        row_id = self.new_id()
        self.rows[row_id] = {
            name.replace("_", "-"): value for name, value in values.items()
        }
        return row_id


def uptime(seconds):
    """Return a duration as the router shows it, such as "1d2h5s"."""
    seconds, parts = int(seconds), []
    for unit, size in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _name_taken(message):
    return ((("name",), message),)


def make_tables():
    """Return the tables of a router as it comes, by path."""
    tables = (
        Table(
            "/ppp/secret",
            (
                *("name", "password", "service", "profile", "caller-id", "routes"),
                *("remote-address", "local-address", "remote-ipv6-prefix", *_STATUS),
            ),
            {"profile": "/ppp/profile"},
            _name_taken("failure: secret with the same name already exists"),
            {"service": "any", "profile": "default", "caller-id": "", "password": ""},
            {"remote-address": _address, "remote-ipv6-prefix": _prefix},
            shows_disabled=False,
        ),
        Table(
            "/ppp/profile",
            (
                *("name", "rate-limit", "remote-address", "local-address", "comment"),
                *("address-list", "dhcpv6-pd-pool", "only-one", "dns-server"),
            ),
            {"dhcpv6-pd-pool": "/ipv6/pool"},
            _name_taken("failure: already have such name"),
            {"dhcpv6-pd-pool": "none", "only-one": "default"},
        ),
        Table("/ppp/active", ()),
        Table(
            "/ip/hotspot/user",
            (
                *("name", "password", "server", "profile", "mac-address", "address"),
                *("limit-uptime", "limit-bytes-total", "email", *_STATUS),
            ),
            {"profile": "/ip/hotspot/user/profile"},
            (
                (
                    ("name", "server"),
                    "failure: already have user with this name for this server",
                ),
            ),
            {"mac-address": "00:00:00:00:00:00", "bytes-in": "0", "bytes-out": "0"},
            {"mac-address": _mac},
        ),
        Table(
            "/ip/hotspot/user/profile",
            ("name", "rate-limit", "address-list", "address-pool", "shared-users"),
            {"address-pool": "/ip/pool"},
            _name_taken("failure: already have such name"),
            {"shared-users": "1", "address-pool": "none"},
        ),
        Table("/ip/hotspot/active", ()),
        Table("/ip/hotspot/cookie", ()),
        Table(
            "/queue/simple",
            ("name", "target", "max-limit", "parent", "queue", *_STATUS),
            unique=_name_taken("failure: already have such name"),
            defaults={"parent": "none", "max-limit": "0/0", "dynamic": "false"},
            normal={
                "max-limit": _limit,
                "target": lambda t: t if "/" in t else t + "/32",
            },
        ),
        Table(
            "/ip/dhcp-server/lease",
            (
                *("mac-address", "address", "server", "rate-limit", "address-lists"),
                *("block-access", *_STATUS),
            ),
            unique=(
                (
                    ("mac-address", "server"),
                    "failure: already have static lease for this client",
                ),
                (
                    ("address",),
                    "failure: already have static lease with this IP address",
                ),
            ),
            defaults={"dynamic": "false", "address-lists": ""},
            normal={"mac-address": _mac},
        ),
        Table(
            "/ip/arp",
            ("address", "mac-address", "interface", *_STATUS),
            unique=((("address", "interface"), "failure: already have such entry"),),
            defaults={"dynamic": "false"},
            normal={"mac-address": _mac},
        ),
        Table(
            "/ip/firewall/address-list",
            ("list", "address", "timeout", *_STATUS),
            unique=((("list", "address"), "failure: already have such entry"),),
            defaults={"dynamic": "false"},
            normal={"address": lambda text: text.removesuffix("/32")},
        ),
        Table("/ip/address", ("address", "interface", *_STATUS)),
        Table("/ip/pool", ("name", "ranges", "comment")),
        Table("/ipv6/pool", ("name", "prefix", "prefix-length")),
        Table("/user", ("name", "group", *_STATUS)),
        Table("/user/group", ("name", "policy", "comment")),
    )
    found = {table.path: table for table in tables}
    found["/ppp/profile"].insert(name="default", local_address="10.0.0.1")
    found["/ip/hotspot/user/profile"].insert(name="default")
    found["/ip/address"].insert(address="10.5.0.1/24", interface="ether2")
    found["/ip/pool"].insert(name="homes", ranges="10.9.0.2-10.9.255.254")
    found["/ipv6/pool"].insert(name="homes6", prefix="2001:db8::/40")
    return found


class Tables:
    """The menus of one router, and what may be done in them."""

    def __init__(self):
        self.tables = make_tables()

    def __getitem__(self, path):
        return self.tables[path]

    def find(self, path, **values):
        """Return (id, row) of the rows with such values."""
        wanted = {name.replace("_", "-"): value for name, value in values.items()}
        return [
            (row_id, row)
            for row_id, row in self.tables[path].rows.items()
            if wanted.items() <= row.items()
        ]

    def row(self, path, **values):
        """Return the only row with such values as a router shows it; None for none."""
        found = self.find(path, **values)
        if len(found) > 1:
            raise LookupError(f"{path} has {len(found)} rows with {values}")
        return self.tables[path].show(found[0][0]) if found else None

    # === COMMANDS === #

    def show(self, path, queries=(), names=None):
        """Return rows as `print` does."""
        table = self.tables[path]
        rows = []
        for row_id in list(table.rows):
            row = table.show(row_id)
            if matches(row, queries):
                if names is not None:
                    row = {name: row[name] for name in names if name in row}
                rows.append({name: value for name, value in row.items() if value})
        return rows

    def add(self, path, values):
        table = self.tables[path]
        row = self._merge(table, {}, values)
        self._check_unique(table, row, None)
        row_id = table.new_id()
        table.rows[row_id] = row
        return row_id

    def set(self, path, ids, values):
        table = self.tables[path]
        for row_id in self._existing(table, ids):
            row = self._merge(table, table.rows[row_id], values)
            self._check_unique(table, row, row_id)
            table.rows[row_id] = row

    def unset(self, path, ids, name):
        table = self.tables[path]
        for row_id in self._existing(table, ids):
            table.rows[row_id].pop(name, None)

    def remove(self, path, ids):
        table = self.tables[path]
        for row_id in self._existing(table, ids):
            del table.rows[row_id]

    @staticmethod
    def _existing(table, ids):
        """Yield ids one by one: what stood before a missing one is done."""
        for row_id in ids:
            if row_id not in table.rows:
                raise Refusal("no such item", "0")
            yield row_id

    def _merge(self, table, row, values):
        row = dict(row)
        for name, value in values.items():
            if name not in table.fields:
                raise Refusal(f"unknown parameter {name}")
            target = table.refers.get(name)
            if (
                target
                and value not in ("", "none")
                and not self.find(target, name=value)
            ):
                raise Refusal(f"input does not match any value of {name}", "1")
            if name in table.normal and (value or name == "remote-address"):
                value = table.normal[name](value)
            if name == "disabled":
                value = "yes" if value in ("yes", "true") else ""
            row.pop(name, None)
            if value:
                row[name] = value
        return row

    @staticmethod
    def _check_unique(table, row, own_id):
        for names, message in table.unique:
            key = [row.get(name) for name in names]
            # Twins that are disabled escape, where names don't have to differ.
            may_repeat = names != ("name",) and "disabled" in row
            known = table.rows.get(own_id, {})
            is_kept = key == [known.get(name) for name in names]
            if key[0] is None or may_repeat or (is_kept and names == ("name",)):
                continue
            for row_id, other in table.rows.items():
                is_other = row_id != own_id
                is_off = names != ("name",) and "disabled" in other
                same = [other.get(name) for name in names] == key
                if is_other and same and not is_off:
                    raise Refusal(message)


def matches(row, queries):
    """Tell whether a row answers query words, a stack machine (manual, API)."""
    stack = []
    for word in queries:
        word = word[1:]
        if word.startswith("#"):
            for sign in word[1:]:
                if sign == "!":
                    stack.append(not stack.pop())
                else:
                    last, before = stack.pop(), stack.pop()
                    stack.append(last or before if sign == "|" else last and before)
        elif word.startswith("-"):
            stack.append(not row.get(word[1:]))
        elif "=" in word.lstrip("<>="):
            name, _sign, value = word.lstrip("=").partition("=")
            stack.append(row.get(name) == value)
        else:
            stack.append(bool(row.get(word)))
    return all(stack)
