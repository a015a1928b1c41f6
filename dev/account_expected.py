"""What `make test-account` expects: Odoo's own tests, and why some are refused."""

# Classes of odoo/addons/account/tests that post documents of customers.
CLASSES = [
    "TestAccountEarlyPaymentDiscount",
    "TestAccountLockException",
    "TestAccountMove",
    "TestAccountMoveDateAlgorithm",
    "TestAccountMoveOutRefundOnchanges",
    "TestAccountMovePaymentsWidget",
    "TestAccountMoveReconcile",
    "TestAccountPayment",
    "TestAccountPaymentItems",
    "TestAccountPaymentRegister",
    "TestInvoiceTaxes",
    "TestMergePartner",
    "TestSequenceMixin",
]
# Fewer documents of contracts than this, and the run would prove nothing.
POSTED = 100

# These fail in Odoo without any addon of ours, too (`make test-account PLAIN=1`).
PLAIN = {}

# Which of our rules refuses: what the failing test says, and why it must.
RULES = {}

# Which tests meet which rule.
REFUSED = {}
