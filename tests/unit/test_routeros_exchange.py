"""Logging in, asking, and answers that never reach another question."""

import fcntl
import logging
import resource
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from routeros_lab import PASSWORD, SECRET, Lab, new_lab, wish

from tools.access_types import (
    AuthError,
    DependencyError,
    DriverError,
    IdentityError,
    RightsError,
    TransportError,
)
from tools.routeros.exchange import Command, Exchange
from tools.routeros.link import open_link
from tools.routeros.settings import RouterOsSettings

pytest_plugins = ["routeros_fixtures"]


@pytest.fixture
def exchange(ros):
    with_socket = Exchange(open_link(ros.settings(), None), "the router", 1.0)
    yield with_socket
    with_socket.close()


def ask(*words, path=SECRET):
    return Command(f"{path}/print", words)


def put(name, **values):
    words = [f"={key}={value}" for key, value in {"name": name, **values}.items()]
    return Command(f"{SECRET}/add", tuple(words))


# === LOGIN === #


@pytest.mark.parametrize(("method", "is_old"), [("plain", False), ("token", True)])
def test_both_ways_to_log_in_work(ros, method, is_old):
    ros.server.old_login = is_old
    assert ros.say(wish(), login_method=method) == ("applied", "")
    assert ros.server.logins == 1


@pytest.mark.parametrize(("method", "is_old"), [("plain", True), ("token", False)])
def test_the_wrong_way_to_log_in_says_which_is_right(ros, method, is_old):
    ros.server.old_login = is_old
    with pytest.raises(
        AuthError, match="oken login" if is_old else "lain login|refused"
    ):
        ros.converge(wish(), login_method=method)


@pytest.mark.parametrize(("method", "is_old"), [("plain", False), ("token", True)])
def test_a_wrong_password_is_one_attempt_and_an_auth_error_without_it(
    ros, method, is_old, caplog
):
    caplog.set_level(logging.DEBUG)
    ros.server.old_login = is_old
    with pytest.raises(AuthError) as caught:
        ros.converge(wish(), password="n0t-this", login_method=method)
    assert ros.server.logins == 1
    assert not ros.router.writes
    assert "n0t-this" not in f"{caught.value!r}{caplog.text}{ros.settings()!r}"


def test_logging_in_leaves_no_password_in_the_log(ros, caplog):
    caplog.set_level(logging.DEBUG)
    ros.converge(wish())
    assert PASSWORD not in caplog.text and "s3cret" not in caplog.text


def test_the_most_sessions_a_router_takes_is_a_transport_error(ros):
    ros.server.max_sessions = 0
    with pytest.raises(TransportError, match="too many sessions"):
        ros.converge(wish())


def test_a_port_where_nothing_listens_is_a_transport_error(ros):
    with pytest.raises(TransportError, match="Nothing listens"):
        ros.converge(wish(), port=1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": ""}, "no address"),
        ({"login_method": "pigeon"}, "pigeon"),
        ({"tls_fingerprint": "ab:cd"}, "64 hexadecimal"),
        ({"walled_list": ""}, "pay page list"),
    ],
)
def test_settings_that_are_amiss_are_told_before_anything_is_sent(ros, changes, words):
    with pytest.raises(DependencyError, match=words):
        ros.driver(**changes)
    assert ros.server.calls == 0


def test_a_setting_that_does_not_exist_is_an_error():
    with pytest.raises(DependencyError, match="colour"):
        RouterOsSettings.from_mapping({"host": "x", "colour": "red"})


# === TLS === #


def make_certificate(folder, name):
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9"),
            *("-subj", f"/CN={name}", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    shown = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, shown.partition("=")[2].strip()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(Path(tmp_path_factory.mktemp("tls")), "router")


@pytest.fixture
def secure(certificate):
    context, fingerprint = certificate
    with new_lab(tls=context) as server:
        yield Lab(server), fingerprint


def test_a_pinned_certificate_is_the_router_we_know(secure):
    lab, fingerprint = secure
    changes = {"use_tls": True, "tls_fingerprint": fingerprint}
    assert lab.say(wish(), **changes) == ("applied", "")
    assert lab.say(*(wish(f"u{n}") for n in range(200)), **changes) == ("applied", "")


def test_another_certificate_gets_no_password(secure):
    lab, _fingerprint = secure
    with pytest.raises(IdentityError, match="another certificate"):
        lab.converge(wish(), use_tls=True, tls_fingerprint="ab" * 32)
    assert lab.server.logins == 0


def test_a_certificate_nobody_vouches_for_gets_no_password(secure):
    lab, _fingerprint = secure
    with pytest.raises(IdentityError, match="fingerprint"):
        lab.converge(wish(), use_tls=True)
    assert lab.server.logins == 0


def test_a_port_without_tls_is_told_as_such(ros):
    with pytest.raises(DriverError, match="TLS|answer|reached"):
        ros.converge(wish(), use_tls=True, connect_timeout=2.0)


# === ANSWERS === #


def test_answers_that_come_interleaved_and_out_of_order_go_where_they_belong(
    ros, exchange
):
    exchange.run([put(f"u{number}") for number in range(40)], None)
    ros.server.is_mixed = True
    questions = [ask(f"?name=u{number}") for number in range(40)]
    replies = exchange.run(questions, None)
    assert [reply.rows[0]["name"] for reply in replies] == [f"u{n}" for n in range(40)]


@pytest.mark.parametrize("says_empty", [True, False])
def test_no_rows_are_no_rows_before_and_from_718_on(ros, exchange, says_empty):
    ros.server.says_empty = says_empty
    first, second = exchange.run([ask("?name=nobody"), ask()], None)
    assert (first.rows, first.trap, second.rows) == ([], None, [])


@pytest.mark.parametrize("name", ["yes", "true", "00123", "12345", "a=b=c", "=", "?x"])
def test_a_value_is_the_text_it_was(exchange, name):
    exchange.run([put(name, password=name)], None)
    [reply] = exchange.run([ask()], None)
    assert (reply.rows[0]["name"], reply.rows[0]["password"]) == (name, name)


def test_a_comment_of_another_code_page_comes_back_byte_by_byte(ros, exchange):
    comment = b"Caf\xe9 Gr\xfc\xdfe".decode("utf-8", "surrogateescape")
    ros.router["/ppp/secret"].insert(name="mary", comment=comment)
    [reply] = exchange.run([ask()], None)
    assert reply.rows[0]["comment"] == comment
    ros.say(wish(), adopt=True)
    assert ros.secret()["comment"] == f"isp:3f9a1b2c:17 {comment}"


def test_a_refusal_is_of_its_own_command(exchange):
    replies = exchange.run([put("mary"), put("mary"), put("john"), ask()], None)
    assert "already exists" in replies[1].trap.message
    assert [bool(reply.trap) for reply in replies] == [False, True, False, False]
    assert len(replies[3].rows) == 2


def raw_server(*answers, login=b"\x05!done\x00"):
    """Return (port, close) of a server that says given bytes."""

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        call = listener.accept()[0]
        call.recv(4096)
        call.sendall(login)
        for answer in answers:
            call.recv(4096)
            call.sendall(answer)
        call.recv(4096)
        call.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], listener.close


def talk_to(*answers):
    port, close = raw_server(*answers)
    settings = RouterOsSettings(host="127.0.0.1", port=port, user="isp")
    exchange = Exchange(open_link(settings, None), "the router", 1.0)
    try:
        return exchange.run([ask()], None), exchange
    finally:
        close()


def sentence(*words):
    return b"".join(bytes([len(word)]) + word.encode() for word in words) + b"\0"


def test_two_traps_of_one_command_are_both_told():
    traps = sentence("!trap", "=message=first", ".tag=1") + sentence(
        "!trap", "=category=1", "=message=second", ".tag=1"
    )
    [reply], _exchange = talk_to(traps + sentence("!done", ".tag=1"))
    assert reply.trap.message == "first; second"


def test_a_trap_with_words_nobody_knows_is_still_a_trap():
    trap = sentence(
        "!trap", "=message=no", "=colour=red", "what", ".section=2", ".tag=1"
    )
    [reply], _exchange = talk_to(trap + sentence("!done", ".tag=1"))
    assert reply.trap.message == "no"


def test_a_refused_login_with_words_nobody_knows_is_an_auth_error():
    trap = sentence("!trap", "=message=go away", "=colour=red", ".section=2")
    port, close = raw_server(login=trap + sentence("!done"))
    with pytest.raises(AuthError, match="go away"):
        open_link(RouterOsSettings(host="127.0.0.1", port=port, user="isp"), None)
    close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sentence("!fatal", "session terminated"), "session terminated"),
        (sentence("!done", ".tag=99"), "no question"),
        (sentence("!done"), "no question"),
        (sentence("!what", ".tag=1"), "begins no answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answer|RouterOS"),
        (b"\xff\xff\xff", "reserved"),
    ],
)
def test_an_answer_that_makes_no_sense_ends_the_connection(answer, words):
    with pytest.raises(TransportError, match=words):
        talk_to(answer)


def test_after_a_late_answer_nothing_is_asked_on_that_connection(ros, exchange):
    exchange.run([put("mary")], None)
    ros.server.silent_after = ros.server.count
    with pytest.raises(TransportError, match="nothing came"):
        exchange.run([ask(path="/ppp/active")], None)
    ros.server.release()
    with pytest.raises(TransportError, match="was closed"):
        exchange.run([ask()], None)
    again = Exchange(open_link(ros.settings(), None), "the router", 1.0)
    [reply] = again.run([ask()], None)
    again.close()
    assert [row["name"] for row in reply.rows] == ["mary"]


def test_all_talk_ends_at_the_deadline_however_busy_the_router_is(ros, exchange):
    ros.server.cost = 0.01
    with pytest.raises(TransportError, match="in the time given"):
        exchange.run([ask()] * 10_000, time.monotonic() + 0.3)
    assert ros.server.count < 1000


def test_a_long_answer_and_many_questions_do_not_block_each_other(ros, exchange):
    for number in range(2000):
        ros.router[SECRET].insert(name=f"u{number}", comment="x" * 300)
    questions = [ask(f"?name={'y' * 5000}{number}") for number in range(120)]
    replies = exchange.run([ask(), ask(), ask(), *questions], None)
    assert [len(reply.rows) for reply in replies[:4]] == [2000, 2000, 2000, 0]


def test_a_server_with_many_sockets_open_waits_for_an_answer_too(ros):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    ros.server.rtt = 0.05
    link = open_link(ros.settings(), None)
    number = fcntl.fcntl(link.fileno(), fcntl.F_DUPFD, 1500)
    link.close()
    exchange = Exchange(socket.socket(fileno=number), "the router", 5.0)
    try:
        [reply] = exchange.run([ask()], None)
    finally:
        exchange.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert reply.trap is None


@pytest.mark.parametrize("chunk", [1, 7])
def test_answers_that_drip_are_read_whole(ros, exchange, chunk):
    exchange.run([put("mary")], None)
    ros.server.chunk = chunk
    [reply] = exchange.run([ask()], None)
    assert reply.rows[0]["name"] == "mary"


@pytest.mark.parametrize("place", [0, 1, 9, 30, 60])
def test_a_connection_cut_inside_an_answer_is_a_transport_error(ros, place):
    ros.server.cut_at = 8 + place
    with pytest.raises(TransportError):
        ros.converge(wish())


def test_a_login_that_drips_ends_in_time(ros):

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: _drip(listener), daemon=True).start()
        changes = {"port": listener.getsockname()[1], "connect_timeout": 0.5}
        with pytest.raises(TransportError, match="doesn't answer the login"):
            ros.converge(wish(), **changes)


def _drip(listener):
    call = listener.accept()[0]
    pause = threading.Event()
    try:
        call.sendall(b"\x70")
        while not pause.wait(0.05):
            call.sendall(b"x")
    except OSError:
        call.close()


# === RIGHTS AND IDENTITY === #


def test_a_user_who_may_only_read_is_a_rights_error_that_names_the_policies(ros):
    ros.router.add_user("reader", "x", "read,api,sensitive")
    with pytest.raises(RightsError, match="read, write, api and sensitive"):
        ros.converge(wish(), user="reader", password="x")
    assert not ros.router.writes


def test_a_user_who_may_not_see_passwords_is_told_so(ros):
    ros.say(wish())
    ros.router.add_user("blind", "x", "read,write,api")
    with pytest.raises(RightsError, match="sensitive"):
        ros.converge(wish(), user="blind", password="x")


def test_another_router_than_the_one_we_know_is_not_written_to(ros):
    assert ros.say(wish(), serial="HF10ABC") == ("applied", "")
    ros.router.serial, ros.router.identity = "ANOTHER", "tower-2"
    with pytest.raises(IdentityError, match="ANOTHER"):
        ros.converge(wish(on=False), serial="HF10ABC")
    assert ros.secret().get("disabled") is None
