"""The part of RouterOS's script language that an exported file uses.

Understood: comments, `:if ([:len [MENU find …]] = 0) do={ … }` and `> 0`, `:log`, and
in a menu `add`, `set [find …]`, `unset [find …] field`, `remove [find …]`.
"""

import re

_IF = re.compile(
    r":if \(\[:len \[(?P<find>.*)\]\] (?P<sign>[=>]) 0\) do=\{ (?P<do>.*) \}"
)
_COMMAND = re.compile(
    r"(?P<menu>/[a-z0-9 -]+?) (?P<verb>add|set|unset|remove) (?P<rest>.*)"
)
_FIND = re.compile(r"(?P<menu>/[a-z0-9 -]+?) find (?P<words>.*)")
_STRING = r'"(?:[^"\\]|\\.)*"'
_WORD = re.compile(
    rf"(?P<not>!\()?(?P<name>[a-z0-9-]+)(?P<sign>[=~])(?P<text>{_STRING})\)?"
)
_FOUND = re.compile(rf"\[find (?P<words>(?:{_STRING}|[^\"\]])*)\] ?(?P<rest>.*)")
_ESCAPE = re.compile(r"\\(?:([0-9A-F]{2})|(.))")
_NAMED = {"n": "\n", "r": "\r", "t": "\t"}


class ScriptError(Exception):
    """A line isn't of the language; its number and text."""


def unquote(string):
    """Return the text of a string as the router reads it."""

    def read(match):
        if match[1]:
            return chr(int(match[1], 16))
        return _NAMED.get(match[2], match[2])

    # Escaped bytes make characters together.
    text = _ESCAPE.sub(read, string[1:-1])
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def run_script(router, text):
    """Run a script on a `Router`; return what it wrote to the log."""
    log = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii():
            raise ScriptError(f"{number}: {line}")
        if line and not line.startswith("#"):
            try:
                _run(router, line, log)
            except ScriptError:
                raise ScriptError(f"{number}: {line}") from None
    return log


def _run(router, line, log):
    if condition := _IF.fullmatch(line):
        found = _find(router, condition["find"])
        if bool(found) == (condition["sign"] == ">"):
            _run(router, condition["do"], log)
    elif line.startswith(":log warning "):
        log.append(unquote(line.removeprefix(":log warning ")))
    else:
        _command(router, line)


def _command(router, line):
    match = _COMMAND.fullmatch(line)
    if not match:
        raise ScriptError
    path, verb, rest = match["menu"].replace(" ", "/"), match["verb"], match["rest"]
    if verb == "add":
        router.add(path, {word["name"]: unquote(word["text"]) for word in _words(rest)})
        return
    found = _FOUND.fullmatch(rest)
    if not found:
        raise ScriptError
    ids, rest = _ids(router, path, found["words"]), found["rest"]
    if verb == "remove":
        router.remove(path, ids)
    elif verb == "unset":
        router.unset(path, ids, rest.strip())
    else:
        values = {word["name"]: unquote(word["text"]) for word in _words(rest)}
        router.set(path, ids, values)


def _find(router, text):
    match = _FIND.fullmatch(text)
    if not match:
        raise ScriptError
    return _ids(router, match["menu"].replace(" ", "/"), match["words"])


def _words(text):
    words = list(_WORD.finditer(text))
    if _WORD.sub("", text).strip():
        raise ScriptError
    return words


def _ids(router, path, text):
    """Return the ids of rows that all words hold for."""
    words = _words(text)
    return [
        row["id"]
        for row in ({**row, "id": row[".id"]} for row in router.show(path))
        if all(_holds(word, row) for word in words)
    ]


def _holds(word, row):
    value, text = row.get(word["name"], ""), unquote(word["text"])
    holds = value == text if word["sign"] == "=" else bool(re.search(text, value))
    return holds != bool(word["not"])
