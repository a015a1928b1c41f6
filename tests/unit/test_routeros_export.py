"""An exported script, run by a small interpreter on the simulated router."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from routeros_lab import BOOKS, MAC, SECRET, gone, wish
from servers.routeros import Router
from servers.routeros_script import ScriptError, run_script, unquote
from test_routeros_plan import shared, wishes

from tools.access_driver import get_driver
from tools.access_exchange import export
from tools.routeros.export import export_rsc, quote
from tools.routeros.wire import to_text

pytest_plugins = ["routeros_fixtures"]
__all__ = ["shared"]


@given(st.binary().map(to_text))
def test_any_text_is_one_string_of_plain_ascii(text):
    string = quote(text)
    assert string.isascii() and "\n" not in string
    assert unquote(string) == text


@pytest.mark.parametrize("text", ['"; /user remove admin; "', "$x", "a\\", "[:put 1]"])
def test_nothing_typed_becomes_a_command(text):
    assert re.fullmatch(r'"(?:[^"\\$]|\\.)*"', quote(text))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(wishes(), min_size=1, max_size=2))
def test_a_router_that_ran_the_script_has_nothing_left_to_do(shared, stages):
    shared.server.router = Router()
    for stage in stages:
        # A script can't know the interface of a device.
        stage = [each for each in stage if each.service != "static" or not each.mac]
        if not stage:
            continue
        text = export_rsc(stage, shared.settings())
        assert run_script(shared.router, text) == []
        with shared.driver() as driver:
            seen = driver.read([each.login for each in stage])
            assert driver.plan(stage, seen) == []
        before = {path: dict(shared.router[path].rows) for path in shared.router.tables}
        run_script(shared.router, text)
        after = {path: dict(shared.router[path].rows) for path in shared.router.tables}
        assert after == before


def test_a_script_leaves_foreign_rows_alone_and_says_so(ros):
    ros.router[SECRET].insert(name="mary", password="by-hand", comment="house 7")
    log = run_script(ros.router, export_rsc([wish()], ros.settings()))
    assert log == ["PPP secret mary is not ours and was left alone"]
    assert ros.secret()["password"] == "by-hand"
    run_script(ros.router, export_rsc([gone()], ros.settings()))
    assert ros.secret()["password"] == "by-hand"


def test_a_script_ends_the_sessions_of_who_is_off(ros):
    ros.say(wish())
    ros.router.dial("mary", "s3cret")
    run_script(ros.router, export_rsc([wish(on=False)], ros.settings()))
    assert not ros.router.sessions("mary")


def test_a_script_names_what_it_leaves_out(ros):
    text = export_rsc(
        [
            wish("bad", service="dhcp"),
            wish(
                "john", tag=f"{BOOKS}:2", service="static", fixed_ip="10.5.0.3", mac=MAC
            ),
        ],
        ros.settings(),
    )
    assert "# bad gets its address by DHCP" in text
    assert f"# john: its device {MAC} is not bound" in text
    assert 'name="bad"' not in text


def test_the_file_of_a_gateway_is_this_script(ros):
    given = {
        **{"host": "x", "user": "y", "books": BOOKS},
        "password": "gateway-secret",
    }
    fields = ("login", "password", "on", "plan", "tag")
    wanted = {"mary": {name: getattr(wish(), name) for name in fields}}
    text, refused = export("routeros", given, wanted)
    assert not refused and "gateway-secret" not in text
    run_script(ros.router, text)
    assert ros.router.dial("mary", "s3cret") == ""
    assert get_driver("routeros").__name__ == "RouterOs"


def test_the_interpreter_knows_no_line_it_was_not_taught(ros):
    with pytest.raises(ScriptError):
        run_script(ros.router, "/ppp secret print")
