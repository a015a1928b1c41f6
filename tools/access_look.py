"""Questions to a gateway that change nothing on it: a look at all, and single values.

Functions of `access_jobs`: plain data in, plain data out.
"""

from dataclasses import asdict

from .access_compare import compare
from .access_types import Desired, login_key
from .collector import kept_still


def look(driver, matter, _deadline, tell):
    """Compare a gateway with the books; writes nothing.

    :param dict matter: `wishes` (`login_key` → wish, as in `access_exchange.Task`),
        `proved` (keys that were in step), `logins` (the sample to ask for; None is
        all), `versions` (handed through: as of when the wishes are)
    :return: dict of `findings` (list of dicts like `access_compare.Finding`), `logins`
        (how many the gateway has), `online` (how many sessions it calls open),
        `asked` (keys of the sample; None is all) and `versions`
    """
    with kept_still(len(matter["wishes"])):
        return _look(driver, matter, tell)


def _look(driver, matter, tell):
    wishes, outcomes = driver.sort_out(
        [Desired.from_mapping(wish) for wish in matter["wishes"].values()]
    )
    tell(10, 100)
    observed = driver.read(matter["logins"])
    tell(60, 100)
    planned = _plan(driver, wishes, observed)
    hindered = _get_hindered(driver, wishes, observed, planned)
    for login, outcome in outcomes.items():
        hindered[login_key(login)] = outcome.error
    tell(80, 100)
    everyone = {
        key: wishes.get(key) or Desired.from_mapping(wish)
        for key, wish in matter["wishes"].items()
    }
    findings = compare(everyone, observed, planned, hindered, matter["proved"])
    facts = [fact for fact in observed.values() if fact.present]
    return {
        "findings": [
            {"key": key, **asdict(finding)} for key, finding in findings.items()
        ],
        "logins": len(facts),
        "online": sum(
            not session.is_silent for fact in facts for session in fact.sessions
        ),
        "asked": None
        if matter["logins"] is None
        else [login_key(name) for name in matter["logins"]],
        "versions": matter["versions"],
    }


def _plan(driver, wishes, observed):
    """Return the operations by `login_key`; one on a shared object counts for each
    login that stands on it and is not as wished in what the object decides."""
    own, shared = {}, {}
    for op in driver.plan(wishes.values(), observed):
        if op.login:
            own.setdefault(op.login, []).append(op)
        else:
            shared.setdefault(op.shared, []).append(op)
    if not shared:
        return own
    for key, wish in wishes.items():
        fact = observed.get(key)
        if not (wish.present and fact and fact.present):
            continue
        if (wish.rate_down, wish.rate_up) != (fact.rate_down, fact.rate_up):
            for name in sorted(driver.shared_names(wish) & shared.keys()):
                own.setdefault(key, []).extend(shared[name])
    return own


def _get_hindered(driver, wishes, observed, planned):
    """Return why logins don't do what our rows on the device ask for."""
    found = {
        key: driver.objection(wish, observed[key])
        for key, wish in wishes.items()
        if key not in planned and key in observed
    }
    return {key: sentence for key, sentence in found.items() if sentence}


def fetch(driver, matter, _deadline, _tell):
    """Return what the gateway says of some logins, passwords included.

    :param dict matter: `logins`, a list
    :return: `login_key` → dict of `password`, `mac` and `fixed_ip`; a login that is
        not there is left out
    """
    observed = driver.read(matter["logins"])
    return {
        key: {
            "login": fact.login,
            "password": fact.password,
            "mac": fact.mac,
            "fixed_ip": fact.fixed_ip,
        }
        for key, fact in observed.items()
        if fact.present
    }
