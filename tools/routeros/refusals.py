"""What a router's refusals mean. Texts as seen on routers and in public code."""

from ..access_types import (
    AuthError,
    DependencyError,
    DriverError,
    RightsError,
    RowError,
    TransportError,
)
from .exchange import Command, Trap
from .settings import RouterOsSettings

_DUPLICATE = (
    "already exists",
    "already have",
    "such name",
    "same name",
)


def is_missing_menu(trap: Trap) -> bool:
    """Tell whether the router lacks a whole menu (a package that isn't there)."""
    return "no such command" in trap.message


def is_gone(trap: Trap) -> bool:
    """Tell whether the row of an id is not there any more."""
    return "no such item" in trap.message


def to_error(trap: Trap, command: Command, settings: RouterOsSettings) -> DriverError:
    """Return a trap as the error of this addon, in words for staff."""
    text, host, path = trap.message.strip()[:300], settings.host, command.path
    if "not enough permissions" in text:
        return RightsError(
            f"The user {settings.user} may not do {path} on {host}: {text}. Give its "
            "group the policies read, write, api and sensitive."
        )
    if "invalid user name" in text or "cannot log in" in text:
        return AuthError(f"{host} refused the user {settings.user}: {text}.")
    if trap.category == "2" or "interrupted" in text:
        return TransportError(f"{host} broke off {path}: {text}.")
    if is_missing_menu(trap):
        return DependencyError(
            f"{host} has no {path}: {text}. Install the package it belongs to."
        )
    if "input does not match any value of" in text:
        return DependencyError(
            f"{host} misses something that {path} needs: {text}. It is made in the "
            "next run, or has to be made on the router."
        )
    if any(words in text for words in _DUPLICATE):
        return RowError(
            f"{host} has another row in this place ({path}: {text}). Import it or "
            "remove it."
        )
    return RowError(f"{host} refused {path}: {text}.")


def raise_for(trap: Trap, command: Command, settings: RouterOsSettings) -> None:
    """Raise a trap of a command that concerns no single login."""
    error = to_error(trap, command, settings)
    if error.kind == "row":
        raise TransportError(str(error))
    raise error
