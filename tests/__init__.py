from . import test_billing, test_isp_connection, test_ledger
