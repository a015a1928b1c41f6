"""Wishes as a script that a person runs on a router: `/import file-name=...`.

Language: RouterOS manual, Scripting. Each line is for itself, so that one that fails
is found at once, and running the file twice does no harm.
"""

from collections.abc import Iterable

from ..access_types import Desired, RowError, login_key
from .menus import (
    ADDRESS_LIST,
    ARP,
    HOTSPOT_USER,
    LEASE,
    NAMED,
    QUEUE,
    SECRET,
)
from .plan import new_comment
from .settings import RouterOsSettings
from .wishes import check, conflicts, wanted_profile, wanted_rows

_SESSIONS = {
    "pppoe": ("/ppp active", "name"),
    "hotspot": ("/ip hotspot active", "user"),
}
_OPTIONAL = {(SECRET, "remote-address"), (SECRET, "remote-ipv6-prefix")}
_NOTHING = {
    (HOTSPOT_USER, "mac-address"): "00:00:00:00:00:00",
    (HOTSPOT_USER, "address"): "0.0.0.0",
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "?": "\\?"}
_ESCAPES |= {"\r": "\\r", "\n": "\\n", "\t": "\\t"}


def quote(text: str) -> str:
    """Return a text as a string of RouterOS's script language, all in ASCII."""
    parts = []
    for char in text:
        if char in _ESCAPES:
            parts.append(_ESCAPES[char])
        elif " " <= char <= "~":
            parts.append(char)
        else:
            data = char.encode("utf-8", "surrogateescape")
            parts += [f"\\{byte:02X}" for byte in data]
    return '"' + "".join(parts) + '"'


def export_rsc(desired: Iterable[Desired], settings: RouterOsSettings) -> str:
    """Return a script that makes a router match, whatever it holds now.

    Rows that aren't ours are left alone and named in the router's log. A wish that
    can't be written is left out and named at the top.
    """
    wishes, notes = _sort_out(desired)
    lines, seen = [], set()
    for wish in wishes:
        if wish.present:
            lines += _profile_lines(wish, settings, seen)
    for wish in wishes:
        if wish.present:
            lines += _lines(wish, settings)
    for wish in wishes:
        if not wish.present:
            lines += _gone_lines(wish, settings)
    here = [wish for wish in wishes if wish.present]
    on = sum(wish.on for wish in here)
    head = [
        "# Access of subscribers for MikroTik RouterOS.",
        f"# {len(wishes)} logins: {on} on, {len(here) - on} off or walled, "
        f"{len(wishes) - len(here)} removed; {len(notes)} notes.",
        "# Holds passwords. Running it twice does no harm.",
        *(f"# {note}" for note in notes),
    ]
    return "\n".join([*head, *lines, ""])


def _sort_out(desired):
    by_key, notes = {}, []
    for wish in desired:
        try:
            check(wish)
        except RowError as error:
            notes.append(_one_line(error))
            continue
        key = login_key(wish.login)
        if key not in by_key or wish.present:
            by_key[key] = wish
    for key, sentence in conflicts(by_key).items():
        del by_key[key]
        notes.append(_one_line(sentence))
    for wish in by_key.values():
        if wish.present and wish.service == "static" and wish.mac:
            notes.append(
                f"{wish.login}: its device {wish.mac} is not bound by this file. Bind "
                "it in /ip arp."
            )
    return list(by_key.values()), notes


def _one_line(text):
    return " ".join(str(text).split())


def _console(menu):
    """Return a menu as the console writes it: "/ppp secret"."""
    return "/" + menu.path.strip("/").replace("/", " ")


def _words(values):
    return " ".join(f"{name}={quote(value)}" for name, value in values.items())


def _profile_lines(wish, settings, seen):
    want = wanted_profile(wish, settings)
    if want is None or (want.menu.path, want.key) in seen:
        return
    seen.add((want.menu.path, want.key))
    menu, name = _console(want.menu), quote(want.key)
    yield (
        f":if ([:len [{menu} find name={name}]] = 0) do={{ {menu} add name={name} }}"
    )
    values = {key: value for key, value in want.values.items() if key != "name"}
    yield f"{menu} set [find name={name}] {_words(values)}"


def _lines(wish, settings):
    """Yield the lines of one login that is to be there."""
    ours = f'comment~"^{_books(wish, settings)}:"'
    wants = [want for want in wanted_rows(wish, settings) if want.menu is not ARP]
    for want in wants:
        menu, where = _console(want.menu), _find(want)
        values = {
            name: value or _NOTHING.get((want.menu, name), "")
            for name, value in want.values.items()
        }
        filled = {
            name: value
            for name, value in want.values.items()
            if value and (name, value) != ("disabled", "no")
        }
        comment = new_comment(want.menu, wish)
        yield (
            f":if ([:len [{menu} find {where}]] = 0) do={{ {menu} add "
            f"{_words({**filled, 'comment': comment})} }}"
        )
        yield (
            f":if ([:len [{menu} find {where} !({ours})]] > 0) do={{ :log warning "
            f"{quote(f'{want.menu.noun} {want.key} is not ours and was left alone')} }}"
        )
        mine = f'comment~"^{wish.tag}( |\\$)"'
        yield f"{menu} set [find {where} {ours} !({mine})] comment={quote(comment)}"
        cleared = [
            name
            for name in values
            if not values[name] and (want.menu, name) in _OPTIONAL
        ]
        kept = {name: value for name, value in values.items() if name not in cleared}
        yield f"{menu} set [find {where} {ours}] {_words(kept)}"
        for name in cleared:
            yield f"{menu} unset [find {where} {ours}] {name}"
    yield from _leftover_lines(wish, wants)
    if not (wish.on or wish.walled) and wish.service in _SESSIONS:
        menu, field = _SESSIONS[wish.service]
        yield f"{menu} remove [find {field}={quote(wish.login)}]"


def _leftover_lines(wish, wants):
    """Yield lines that remove rows of this line from where it has none now."""
    used = {want.menu for want in wants}
    mine = f'comment~"^{wish.tag}( |\\$)"'
    for menu in (SECRET, HOTSPOT_USER, QUEUE, LEASE, ADDRESS_LIST):
        if menu not in used:
            yield f"{_console(menu)} remove [find {mine}]"
    for want in wants:
        if want.menu is ADDRESS_LIST:
            name = quote(want.values["list"])
            yield f"{_console(want.menu)} remove [find {mine} !(list={name})]"


def _gone_lines(wish, settings):
    for menu in NAMED:
        ours = f'comment~"^{_books(wish, settings)}:"'
        yield (f"{_console(menu)} remove [find name={quote(wish.login)} {ours}]")
    for menu in (LEASE, ADDRESS_LIST, ARP):
        login = "".join(f"\\\\{c}" if c == "." else c for c in wish.login)
        ours = f'comment~"^{_books(wish, settings)}:[0-9]+ {login}( |\\$)"'
        yield f"{_console(menu)} remove [find {ours}]"
    for menu, field in _SESSIONS.values():
        yield f"{menu} remove [find {field}={quote(wish.login)}]"


def _books(wish, settings):
    """Return how the marks of our books begin, as a regular expression."""
    mark = settings.books or wish.tag
    return ":".join(mark.split(":")[:2]) if mark else "isp:[0-9A-Za-z_-]+"


def _find(want):
    """Return the words that find a row by what tells it apart."""
    names = ("list", "address") if want.menu is ADDRESS_LIST else (want.menu.key,)
    return " ".join(f"{name}={quote(want.values[name])}" for name in names)
