"""Menus that are read once for many exchanges of a run."""

import time

from routeros_lab import BOOKS, MAC, SECRET, many, wish

pytest_plugins = ["routeros_fixtures"]

LEASES, ARP, PROFILES = "/ip/dhcp-server/lease", "/ip/arp", "/ppp/profile"


def converge(driver, wishes):
    return driver.converge(wishes, time.monotonic() + 20)


def reads(ros, path):
    return ros.router.asked[f"{path}/print"]


def test_a_run_of_many_exchanges_reads_a_menu_again_only_after_writing_there(ros):
    """Rows that have nothing to do with the lines of a run may be thousands."""
    batches = [
        [each for each in many(240) if int(each.login[4:]) // 60 == number]
        for number in range(4)
    ]
    with ros.driver() as driver:
        for batch in batches:
            outcomes = converge(driver, batch)
            assert {each.state for each in outcomes.values()} == {"applied"}
    assert len(ros.router.find(SECRET)) == 240
    assert [reads(ros, path) for path in (LEASES, ARP)] == [1, 1]
    # Before the first batch, and to prove each.
    assert reads(ros, SECRET) == 5
    # Only the first batch had the profile to make.
    assert reads(ros, PROFILES) == 2


def test_what_proves_a_change_is_asked_after_it(ros):
    with ros.driver() as driver:
        converge(driver, [wish()])
        before = ros.server.count
        converge(driver, [wish(on=False)])
    # The change, its row by name, and who is on before and after.
    assert ros.server.count - before == 1 + 1 + 2 * 2


def test_who_looks_is_told_what_is_there_now(ros):
    with ros.driver() as driver:
        converge(driver, [wish()])
        ros.router.remove(SECRET, [ros.secret()[".id"]])
        assert not driver.read(["mary"])["mary"].present


def test_a_row_removed_by_hand_between_two_exchanges_costs_one_of_them(ros):
    wishes = many(60)
    off = many(60, on=False)
    with ros.driver() as driver:
        converge(driver, wishes)
        ros.router.remove(SECRET, [ros.secret("user7")[".id"]])
        outcomes = converge(driver, off)
        failed = [name for name, each in outcomes.items() if each.state != "applied"]
        assert failed == ["user7"]
        assert converge(driver, off)["user7"].state == "applied"
    assert len(ros.router.find(SECRET, disabled="yes")) == 60


def test_a_row_made_by_hand_between_two_exchanges_is_never_doubled(ros):
    lease = wish("john", service="dhcp", mac=MAC, tag=f"{BOOKS}:18")
    with ros.driver() as driver:
        converge(driver, [wish()])
        ros.router[LEASES].insert(mac_address=MAC, comment="by hand")
        assert converge(driver, [lease])["john"].state == "error"
        assert "is not ours" in converge(driver, [lease])["john"].error
    assert len(ros.router.find(LEASES)) == 1
