from . import (
    test_access_concurrency,
    test_access_converge,
    test_access_faults,
    test_access_file,
    test_access_gateway,
    test_billing,
    test_concurrency,
    test_isp_connection,
    test_ledger,
    test_money_matching,
    test_money_receipt,
    test_playsms,
)
