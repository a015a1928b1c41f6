"""Bytes of RouterOS's API, and values as a router shows them."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.routeros import length, pack

from tools.routeros import values
from tools.routeros.wire import (
    MAX_ANSWER_WORD,
    Reader,
    WireError,
    encode_length,
    encode_sentence,
    to_bytes,
    to_text,
)

EDGES = [1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000, MAX_ANSWER_WORD]
WORDS = st.lists(st.binary(min_size=1, max_size=300).map(to_text), min_size=1)


@pytest.mark.parametrize("size", EDGES)
def test_a_word_of_any_length_is_written_and_read_as_it_is(size):
    word = "x" * size
    assert encode_length(size) == length(size)
    assert Reader().feed(encode_sentence([word])) == [[word]]


@given(st.lists(WORDS, max_size=5), st.data())
def test_sentences_are_read_however_their_bytes_arrive(sentences, data):
    stream = b"".join(encode_sentence(words) for words in sentences)
    assert stream == b"".join(pack(words) for words in sentences)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    reader, found = Reader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert found == sentences


def test_an_answer_split_at_every_byte_is_read_as_one():
    stream = pack(["!re", "=name=" + "m" * 200, ".tag=1"]) + pack(["!done", ".tag=1"])
    for cut in range(len(stream)):
        reader = Reader()
        found = reader.feed(stream[:cut]) + reader.feed(stream[cut:])
        assert found == [["!re", "=name=" + "m" * 200, ".tag=1"], ["!done", ".tag=1"]]


@given(st.binary())
def test_bytes_of_any_code_page_come_back_as_they_were(data):
    assert to_bytes(to_text(data)) == data


def test_empty_sentences_count_for_nothing():
    assert Reader().feed(b"\0\0" + pack(["!done"]) + b"\0") == [["!done"]]


@pytest.mark.parametrize(
    "data", [b"\xf8", b"\xff", b"\xef\xff\xff\xff", b"\xf0" + b"\x7f" * 4]
)
def test_another_protocol_is_told_as_such(data):
    with pytest.raises(WireError):
        Reader().feed(data)


def test_an_empty_word_is_not_sent_because_it_would_end_the_sentence():
    with pytest.raises(WireError):
        encode_sentence(["/login", ""])


# === VALUES === #


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_rate_is_upload_then_download_and_read_back_so(up, down):
    """F13: the router receives what the subscriber sends."""
    text = values.rate_text(up, down)
    assert values.split_rate(text) == (up or None, down or None)
    if up or down:
        assert text == f"{up}/{down}"


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("10M/2M", "10000000/2000000"),
        ("512k", "512000/512000"),
        ("0/0", ""),
        ("", ""),
        ("1G/1000M", "1000000000/1000000000"),
        ("5M/5M 10M/10M 4M/4M 8/8", "5000000/5000000 10000000/10000000 4M/4M 8/8"),
    ],
)
def test_two_ways_to_write_a_rate_are_one_rate(text, bits):
    assert values.canonical_rate(text) == bits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1w2d3h4m5s", 9 * 86400 + 3 * 3600 + 4 * 60 + 5),
        ("2d03:04:05", 2 * 86400 + 3 * 3600 + 4 * 60 + 5),
        ("00:10:00", 600),
        ("5s500ms", 5),
        ("0s", 0),
    ],
)
def test_a_duration_is_read_in_each_way_a_router_writes_it(text, seconds):
    assert values.parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "3x", "1d5"])
def test_what_is_no_duration_is_none(text):
    assert values.parse_span(text) is None


@pytest.mark.parametrize("date", ["2026-11-22", "nov/22/2026", "Nov/22/2026"])
def test_the_clock_is_read_in_the_routers_zone(date):
    moment = datetime(2026, 11, 22, 12, 4, 5, tzinfo=timezone.utc)
    assert values.parse_clock(date, "15:04:05", "+03:00") == moment


def test_a_clock_that_makes_no_sense_is_none():
    assert values.parse_clock("never", "15:04:05", "") is None
    assert values.parse_clock("smarch/22/2026", "15:04:05", "") is None


@pytest.mark.parametrize(
    "text", ["aabbcc001122", "aa-bb-cc-00-11-22", "AA:BB:CC:00:11:22"]
)
def test_a_mac_is_one_however_it_is_written(text):
    assert values.canonical_mac(text) == "AA:BB:CC:00:11:22"


def test_no_mac_and_no_address_are_none():
    assert values.canonical_mac("00:00:00:00:00:00") == ""
    assert values.canonical_address("0.0.0.0") == ""
    assert values.canonical_address("10.5.0.9/32") == "10.5.0.9"
    assert values.is_address("10.5.0.9") and not values.is_address("homes")
