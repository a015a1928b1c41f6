"""The acceptance test of a gateway: a canary is made, changed and removed again.

By the methods of the driver alone, so that it means the same for every kind of
gateway. The canary always has the same login: what a test that was cut short left
behind, the next one removes.
"""

import secrets
from dataclasses import dataclass, replace

from .access_types import Desired, DriverError, login_key

CLOCK_SECONDS = 60
FAST = {"rate_down": 50_000_000, "rate_up": 10_000_000}
SLOW = {"rate_down": 4_000_000, "rate_up": 1_000_000}
_PLAN = "isp_canary"


@dataclass
class Step:
    """:param state: "passed", "failed" or "skipped" (nothing here needs it)."""

    name: str
    state: str
    text: str


class Failure(Exception):
    """A step went wrong; the text says how."""


class Skip(Exception):
    """A step has nothing to test; the text says why."""


class Canary:
    """The login that is made for a test, and the steps of its life."""

    def __init__(self, driver, matter, deadline):
        self.driver = driver
        self.matter = matter
        self.deadline = deadline
        self.wish = Desired(
            login=matter["login"],
            password=secrets.token_hex(8),
            on=True,
            service=matter["service"],
            plan=_PLAN,
            tag=matter["tag"],
            **FAST,
        )

    # === BEFORE ANYTHING IS WRITTEN === #

    def check_rights(self):
        facts = self.driver.probe()
        missing = [
            *getattr(facts, "missing_tables", ()),
            *getattr(facts, "missing_rights", ()),
        ]
        if missing:
            raise Failure(f"Missing on the gateway: {', '.join(missing)}.")
        if getattr(facts, "read_only", False):
            raise Failure("The gateway is read-only.")
        return "all that is needed"

    def check_clock(self):
        skew = getattr(self.driver.probe(), "clock_skew", None)
        if skew is None:
            raise Skip("This kind of gateway doesn't tell its time.")
        if abs(skew) > CLOCK_SECONDS:
            raise Failure(
                f"Its clock is {skew:+.0f} seconds off: access would end at a wrong "
                "time. Set it by NTP."
            )
        return f"{skew:+.1f} seconds off"

    def check_identity(self):
        if self.matter["guard"].check_driver(self.driver, {}) is None:
            return "no other books have marked it"
        return "it carries the mark of these books"

    # === THE CANARY === #

    def sweep(self):
        found = self._read()
        if not found.present:
            return "no canary of an earlier test"
        self._remove()
        return "the canary of a test that was cut short is removed"

    def make(self):
        found = self._converge()
        self._expect(found.on, "it is not let in")
        self._expect(found.password == self.wish.password, "its password differs")
        return self._expect_rates(found)

    def speed(self):
        self.wish = replace(self.wish, **SLOW)
        return self._expect_rates(self._converge())

    def wall(self):
        self.wish = replace(self.wish, on=False, walled=True)
        found = self._converge()
        if found.walled and not found.on:
            return "it reaches the pay page only"
        if self.matter["needs_walled"]:
            raise Failure("It can't be held to the pay page, which a package asks for.")
        raise Skip("Not possible here, and no package of this gateway asks for it.")

    def disable(self):
        self.wish = replace(self.wish, on=False, walled=False)
        self._expect(not self._converge().on, "it is still let in")
        return "it is refused"

    def kick(self):
        sessions = self._read().sessions
        if not self.driver.can_kick:
            raise Skip("Sessions can't be dropped with these settings.")
        if not sessions:
            raise Skip("The canary has no session to drop.")
        left = [
            kick.text
            for kick in self.driver.kick(sessions).values()
            if kick.state != "gone"
        ]
        self._expect(not left, f"a session may still be up: {''.join(left[:1])}")
        return f"{len(sessions)} sessions dropped"

    def remove(self):
        # A plan at no speed leaves no row of it where plans are rows.
        if self._read().present:
            self.wish = replace(self.wish, on=True, rate_down=None, rate_up=None)
            self._converge()
        self._remove()
        return "nothing of it is left"

    # === TALK === #

    def _remove(self):
        gone = Desired(login=self.wish.login, present=False, tag=self.wish.tag)
        self._settle(gone)
        self._expect(not self._read().present, "it is still there")

    def _converge(self):
        self._settle(self.wish)
        return self._read()

    def _settle(self, wish):
        outcome = self.driver.converge([wish], self.deadline).get(wish.login)
        if not outcome:
            raise Failure("The gateway is too slow: no time was left to write this.")
        if outcome.state == "error":
            raise Failure(outcome.error)

    def _read(self):
        return self.driver.read([self.wish.login])[login_key(self.wish.login)]

    def _expect(self, is_so, text):
        if not is_so:
            raise Failure(f"The canary was written, but {text}.")

    def _expect_rates(self, found):
        rates = found.rate_down, found.rate_up
        wished = self.wish.rate_down, self.wish.rate_up
        text = "it reads back at {:g} Mbit/s down, {:g} up".format(
            *((rate or 0) / 1e6 for rate in rates)
        )
        self._expect(rates == wished, text)
        return text


_CHECKS = (
    ("Rights", Canary.check_rights),
    ("Clock", Canary.check_clock),
    ("Identity", Canary.check_identity),
)
_LIFE = (
    ("Clean Before", Canary.sweep),
    ("Login Made", Canary.make),
    ("Speed Changed", Canary.speed),
    ("Pay Page", Canary.wall),
    ("Switched Off", Canary.disable),
    ("Session Dropped", Canary.kick),
)
_END = ("Clean After", Canary.remove)


def accept(driver, matter, deadline, tell):
    """Test whether a gateway does what it is told.

    :param dict matter: `login` and `tag` of the canary, `service`, `guard` (see
        `access_guard`), `needs_walled` (a package here holds unpaid lines to the pay
        page)
    :return: dict of `is_passed` and `steps` (list of dicts like `Step`)
    """
    canary = Canary(driver, matter, deadline)
    steps = []
    total = len(_CHECKS) + len(_LIFE) + 1

    def go_through(parts):
        for part in parts:
            steps.append(_take(canary, *part))
            tell(len(steps), total)
            if steps[-1].state == "failed":
                return False
        return True

    if go_through(_CHECKS):
        go_through(_LIFE)
        steps.append(_take(canary, *_END))
    return {
        "is_passed": all(step.state != "failed" for step in steps),
        "steps": [vars(step) for step in steps],
    }


def _take(canary, name, function):
    try:
        return Step(name, "passed", function(canary))
    except Skip as skip:
        return Step(name, "skipped", str(skip))
    except (Failure, DriverError) as error:
        return Step(name, "failed", str(error))


def remove(driver, matter, deadline, _tell):
    """Take logins away that carry our mark and belong to nobody.

    :param dict matter: `logins`, a list, and `guard` (see `access_guard`)
    :return: `login_key` → why it is still there, or ""
    :raise IdentityError: this may not be the device, or not the books, we think
    """
    driver.guard = matter["guard"].check_driver
    outcomes = driver.converge(
        [Desired(login=login, present=False) for login in matter["logins"]], deadline
    )
    return {login_key(login): outcome.error for login, outcome in outcomes.items()}
