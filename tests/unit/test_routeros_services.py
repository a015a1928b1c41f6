"""Ways onto the net beside PPPoE: hotspot, fixed addresses, DHCP."""

import pytest
from routeros_lab import MAC, SECRET, TAG, gone, wish

pytest_plugins = ["routeros_fixtures"]

DONE = ("applied", "")
USERS, QUEUES = "/ip/hotspot/user", "/queue/simple"
LEASES, LISTS, ARP = "/ip/dhcp-server/lease", "/ip/firewall/address-list", "/ip/arp"
IP = "10.5.0.9"


# === HOTSPOT === #


def test_a_hotspot_login_that_is_off_loses_session_and_cookie(ros):
    hot = {"service": "hotspot"}
    assert ros.say(wish(**hot)) == DONE
    assert ros.router.enter_hotspot("mary", "s3cret", MAC) == ""
    before = ros.router.row(USERS, name="mary")
    assert ros.say(wish(on=False, **hot)) == DONE
    assert not ros.router.find("/ip/hotspot/active")
    assert not ros.router.find("/ip/hotspot/cookie")
    after = ros.router.row(USERS, name="mary")
    assert (after[".id"], after["disabled"]) == (before[".id"], "true")
    assert ros.say(wish(mac=MAC, **hot)) == DONE
    assert ros.router.enter_hotspot("mary", None, MAC)


def test_a_hotspot_renewal_keeps_the_row_and_its_counters(ros):
    """F6: set, never removed and added again."""
    ros.say(wish(service="hotspot", on=False))
    writes = ros.writes(lambda: ros.say(wish(service="hotspot")))
    assert [verb for _path, verb, _values in writes] == ["enable"]


def test_a_hotspot_name_on_two_servers_is_for_a_person(ros):
    for server in ("lobby", "bar"):
        ros.router[USERS].insert(name="mary", server=server, comment=TAG)
    state, error = ros.say(wish(service="hotspot"))
    assert state == "error" and "2 rows" in error


# === WITHOUT LOGIN === #


def static(**values):
    return wish(service="static", fixed_ip=IP, **values)


def test_a_fixed_address_gets_a_queue_with_upload_first_and_its_device(ros):
    """F13 for queues: max-limit is upload/download."""
    assert ros.say(static(mac=MAC)) == DONE
    queue = ros.router.row(QUEUES, name="mary")
    assert (queue["target"], queue["max-limit"]) == (f"{IP}/32", "5000000/10000000")
    arp = ros.router.row(ARP, address=IP)
    assert (arp["mac-address"], arp["interface"]) == (MAC, "ether2")
    assert not ros.writes(lambda: ros.say(static(mac=MAC)))


def test_a_fixed_address_is_cut_and_walled_by_list_and_its_queue_stays(ros):
    ros.say(static())
    queue = ros.router.row(QUEUES, name="mary")[".id"]
    for values, name in (({}, "isp_off"), ({"walled": True}, "isp_walled")):
        outcome = ros.converge(static(on=False, **values))["mary"]
        assert (outcome.state, outcome.on) == ("applied", False)
        [(_id, entry)] = ros.router.find(LISTS)
        assert (entry["list"], entry["address"]) == (name, IP)
    assert ros.converge(static())["mary"].on
    assert not ros.router.find(LISTS)
    assert ros.router.row(QUEUES, name="mary")[".id"] == queue


@pytest.mark.parametrize("is_on", [True, False])
def test_a_pay_page_list_by_another_name_leaves_nobody_in_the_old_one(ros, is_on):
    ros.say(static(on=False, walled=True))
    renamed = {"walled_list": "pay", "old_walled_lists": ("isp_walled",)}
    assert ros.say(static(on=is_on, walled=not is_on), **renamed) == DONE
    lists = [entry["list"] for _id, entry in ros.router.find(LISTS)]
    assert lists == ([] if is_on else ["pay"])


def test_a_list_that_is_ours_no_more_is_others_to_use(ros):
    renamed = {"walled_list": "pay", "old_walled_lists": ("isp_walled",)}
    ros.router[LISTS].insert(list="isp_walled", address=IP, comment="theirs")
    assert ros.converge(static(), **renamed)["mary"].on
    assert len(ros.router.find(LISTS)) == 1


def test_rows_are_found_on_a_router_that_shows_no_false_flags(ros):
    for path in (LEASES, ARP, LISTS):
        del ros.router[path].defaults["dynamic"]
        ros.router[path].insert(dynamic="true", address="10.5.0.3", list="isp_off")
    wishes = [
        static(mac=MAC, on=False),
        wish("john", service="dhcp", mac=MAC, tag="isp:3f9a1b2c:18"),
    ]
    ros.converge(*wishes)
    assert not ros.writes(lambda: ros.converge(*wishes))


def test_a_new_fixed_address_moves_all_rows(ros):
    ros.say(static(mac=MAC, on=False))
    moved = wish(service="static", fixed_ip="10.5.0.77", mac=MAC, on=False)
    assert ros.say(moved) == DONE
    for path in (ARP, LISTS):
        [(_id, row)] = ros.router.find(path)
        assert row["address"] == "10.5.0.77"
    assert ros.router.row(QUEUES, name="mary")["target"] == "10.5.0.77/32"


def test_an_address_that_somebody_else_keeps_off_is_not_called_on(ros):
    ros.router[LISTS].insert(list="isp_off", address=IP, comment="abuse")
    state, error = ros.say(static())
    assert state == "error" and "isp_off" in error
    assert ros.router.find(LISTS)


def test_a_device_in_no_network_of_the_router_is_for_a_person(ros):
    state, error = ros.say(wish(service="static", fixed_ip="192.0.2.9", mac=MAC))
    assert state == "error" and "No interface" in error


def test_a_known_device_gets_its_lease_and_is_cut_by_its_list(ros):
    dhcp = {"service": "dhcp", "mac": MAC}
    assert ros.say(wish(**dhcp)) == DONE
    lease = ros.router.row(LEASES, mac_address=MAC)
    assert lease["rate-limit"] == "5000000/10000000"
    assert lease["comment"] == f"{TAG} mary"
    outcome = ros.converge(wish(on=False, **dhcp))["mary"]
    assert (outcome.state, outcome.on) == ("applied", False)
    assert ros.router.row(LEASES, mac_address=MAC)["address-lists"] == "isp_off"
    new = wish(service="dhcp", mac="AA:BB:CC:00:11:33")
    assert ros.say(new) == DONE
    [(row_id, row)] = ros.router.find(LEASES)
    assert (row_id, row["mac-address"]) == (lease[".id"], "AA:BB:CC:00:11:33")


def test_our_mark_on_two_leases_is_for_a_person(ros):
    ros.say(wish(service="dhcp", mac=MAC))
    ros.router[LEASES].insert(mac_address="AA:BB:CC:00:11:99", comment=f"{TAG} mary")
    state, error = ros.say(wish(service="dhcp", mac=MAC, on=False))
    assert state == "error" and "2 rows" in error


def test_a_login_that_changes_its_way_onto_the_net_leaves_nothing_behind(ros):
    ways = [static(mac=MAC, on=False), wish(service="dhcp", mac=MAC)]
    ways += [wish(service="hotspot"), wish(), static()]
    for way in ways:
        assert ros.say(way) == DONE
    for path in (SECRET, USERS, LEASES, ARP, LISTS):
        assert not ros.router.find(path), path
    assert ros.say(gone()) == DONE
    assert not ros.router.find(QUEUES)


OTHER_IP, OTHER_MAC, OTHER_TAG = "10.5.0.8", "AA:BB:CC:00:11:33", "isp:3f9a1b2c:18"


@pytest.mark.parametrize("is_on", [True, False])
def test_two_lines_swap_their_addresses(ros, is_on):
    def pair(first, second):
        given = {"service": "static", "on": is_on}
        return (
            wish(fixed_ip=first, mac=MAC, **given),
            wish("john", fixed_ip=second, mac=OTHER_MAC, tag=OTHER_TAG, **given),
        )

    ros.converge(*pair(IP, OTHER_IP))
    outcomes = ros.converge(*pair(OTHER_IP, IP))
    assert [each.error for each in outcomes.values()] == ["", ""]
    assert ros.router.row(ARP, address=IP)["mac-address"] == OTHER_MAC
    assert ros.router.row(QUEUES, name="mary")["target"] == f"{OTHER_IP}/32"
    assert len(ros.router.find(LISTS)) == (0 if is_on else 2)


def test_two_lines_swap_their_devices(ros):
    def pair(first, second):
        return (
            wish(service="dhcp", mac=first),
            wish("john", service="dhcp", mac=second, tag=OTHER_TAG, on=False),
        )

    ros.converge(*pair(MAC, OTHER_MAC))
    outcomes = ros.converge(*pair(OTHER_MAC, MAC))
    assert [each.error for each in outcomes.values()] == ["", ""]
    lease = ros.router.row(LEASES, mac_address=MAC)
    assert (lease["comment"], lease["address-lists"]) == (
        f"{OTHER_TAG} john",
        "isp_off",
    )


def test_two_lines_with_one_address_are_told_apart_before_writing(ros):
    outcomes = ros.converge(static(), wish("john", service="static", fixed_ip=IP))
    assert "same address" in outcomes["john"].error
    assert outcomes["mary"].state == "applied"
