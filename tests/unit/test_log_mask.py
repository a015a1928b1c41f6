import logging

import pytest

from tools import log_mask

TOKEN = "s3cr3t-t0ken"
PHONE = "254700111222"


@pytest.mark.parametrize(
    "path", ["/isp/playsms/", "/isp//playsms//", "/isp%2Fplaysms/"]
)
def test_a_request_line_keeps_its_path_without_token_and_message(path):
    line = f"GET {path}{TOKEN}?message=Ksh5+from+{PHONE}+é HTTP/1.1"
    assert log_mask.mask_url(line) == f"GET {path}*** HTTP/1.1"


def test_a_line_that_is_no_request_loses_all_that_follows():
    line = f"Bad request syntax ('GET /isp/playsms/{TOKEN}?m=paid by {PHONE} HTTP/x')"
    masked = log_mask.mask_url(line)
    assert masked == "Bad request syntax ('GET /isp/playsms/***"


def test_other_addresses_stay_as_they_are():
    line = "GET /web/login?redirect=/odoo/isp HTTP/1.1"
    assert log_mask.mask_url(line) == line


def test_a_statement_keeps_its_columns_without_values():
    sql = f"INSERT INTO isp_sms_inbox (text) VALUES ('paid by {PHONE}')"
    assert log_mask.mask_sql(sql) == "INSERT INTO isp_sms_inbox (text) VALUES ***"
    other = "SELECT name FROM res_partner WHERE id = 3"
    assert log_mask.mask_sql(other) == other


def _log(name, *args):
    logger = logging.getLogger(name)
    record = logger.makeRecord(name, logging.ERROR, "f", 1, args[0], args[1:], None)
    assert logger.filter(record)
    return record.getMessage()


def test_installed_filters_clean_what_the_server_prints():
    log_mask.install()
    log_mask.install()
    assert len(logging.getLogger("odoo.sql_db").filters) == 1
    line = _log("werkzeug", '"%s" %s', f"GET /isp/playsms/{TOKEN} HTTP/1.1", 200)
    assert line == '"GET /isp/playsms/*** HTTP/1.1" 200'
    error = ValueError(f"not null violated\nDETAIL: Failing row contains ({PHONE})")
    sql = f"UPDATE isp_money_receipt SET payer_phone = '{PHONE}'".encode()
    line = _log("odoo.sql_db", "bad query: %s\nERROR: %s", sql, error)
    assert line == (
        "bad query: UPDATE isp_money_receipt SET ***\nERROR: not null violated"
    )
