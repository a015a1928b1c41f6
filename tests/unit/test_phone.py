import pytest

from tools.phone import is_masked, is_phone_sender, to_international


@pytest.mark.parametrize(
    ("country", "raw", "expected"),
    [
        ("KE", "0712000101", "254712000101"),
        ("KE", "0110000101", "254110000101"),
        ("KE", "712000101", "254712000101"),
        ("KE", "254712000101", "254712000101"),
        ("KE", "+254 712-000.101", "254712000101"),
        ("KE", "+254 (0)712 000 101", "254712000101"),
        ("KE", "00254712000101", "254712000101"),
        ("KE", " 0712\u00a0000 101\n", "254712000101"),
        ("ke", "0712000101", "254712000101"),
        ("TZ", "0757000133", "255757000133"),
        ("UG", "743706731", "256743706731"),
        ("MZ", "841000241", "258841000241"),
        ("CD", "0881000243", "243881000243"),
        ("GH", "0201000135", "233201000135"),
        ("RW", "0788000249", "250788000249"),
        ("CM", "670000249", "237670000249"),
        ("BD", "01700000136", "8801700000136"),
    ],
)
def test_a_mobile_number_reads_the_same_however_it_is_typed(country, raw, expected):
    assert to_international(raw, country) == expected


def test_a_foreign_number_is_read_by_its_own_calling_code():
    assert to_international("255757000133", "KE") == "255757000133"
    assert to_international("+8801700000136", "KE") == "8801700000136"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "+",
        "0712***101",
        "0722XXXXX89",
        "071200010",
        "07120001011",
        "2547120001011",
        "0200000101",
        "0912000101",
        "+0712000101",
        "254200000101",
        "0712oooooo",
        "MPESA",
        "٠٧١٢٠٠٠١٠١",
        "0712000101 or 0712000102",
        "600111",
    ],
)
def test_what_is_not_a_whole_mobile_number_gives_nothing(raw):
    assert to_international(raw, "KE") is None


def test_an_unknown_country_still_reads_international_numbers():
    assert to_international("254712000101", "XX") == "254712000101"
    assert to_international("0712000101", "XX") is None


@pytest.mark.parametrize(
    "raw",
    [
        "0722***456",
        "2547******78",
        "2547 ***** 126",
        "0722XXXXX89",
        "0722xxxxxx",
        "+254 7XX XXX 123",
        "*********013",
        "0722###456",
    ],
)
def test_hidden_digits_are_seen_as_a_mask(raw):
    assert is_masked(raw)


@pytest.mark.parametrize("raw", ["", "0722000456", "MAX", "ALEX", "072X", "+", "XX"])
def test_whole_numbers_and_words_are_no_mask(raw):
    assert not is_masked(raw)


@pytest.mark.parametrize(
    "sender",
    [
        "+254700000130",
        "0700000130",
        "0700 000-130",
        "(0700) 000130",
        "22377",
        "tel:+254700000130",
        "٠٧٠٠٠٠٠١٣٠",
        "0722XXXXX30",
    ],
)
def test_a_number_as_sender_is_a_person(sender):
    assert is_phone_sender(sender)


@pytest.mark.parametrize(
    "sender", ["", "+", " ", "MPESA", "M-PESA", "MIXX BY YAS", "T-CASH", "MPESA2"]
)
def test_a_name_or_what_a_gateway_leaves_of_it_is_no_person(sender):
    assert not is_phone_sender(sender)
