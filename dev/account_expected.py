"""What `make test-account` expects: Odoo's own tests, and why some are refused.

A refusal is a sentence of ours. Where a rule lets a document through and Odoo's test
then finds another state than its own rules lead to, the pattern names that state.
"""

from dataclasses import dataclass, field

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


@dataclass
class Rule:
    """One of our rules, and Odoo's tests that meet it.

    :param str why: the rule, in a sentence
    :param str says: pattern of what the failing test says
    :param list tests: names as `Class.test`
    """

    why: str
    says: str
    tests: list = field(default_factory=list)


# What fails in Odoo without any addon of ours (`make test-account PLAIN=1`): nothing.
PLAIN = []

REFUSED = [
    Rule(
        "What is posted on a contract is not reset to draft, cancelled, renamed or "
        "moved to another journal or day",
        r"UserError: .* is (posted|booked) on a contract and can't be changed",
        [
            "TestAccountLockException.test_global_exception_move_edit_multi_user",
            "TestAccountLockException.test_revoked_exception",
            "TestAccountLockException.test_user_exception_branch",
            "TestAccountLockException.test_user_exception_move_edit_multi_user",
            "TestAccountLockException.test_user_exception_remove_lock_date",
            "TestAccountMoveReconcile.test_links_between_move_and_payment",
            "TestAccountPayment.test_journal_change_and_change_names",
            "TestAccountPayment.test_payment_move_sync_onchange",
            "TestAccountPayment.test_reconciliation_with_old_oustanding_account",
            "TestAccountPayment.test_resequence_change_payment_name",
            "TestSequenceMixin."
            "test_resequence_payment_and_non_payment_without_payment_sequence",
        ],
    ),
    Rule(
        "A contract is kept in one currency",
        r"UserError: .* is in \w+, contract CT\d+ is kept in USD",
        [
            "TestAccountMoveReconcile."
            "test_reconcile_invoice_company_curr_payment_foreign_curr",
            "TestAccountMoveReconcile.test_reconcile_payment_custom_rate",
            "TestAccountMoveReconcile.test_reconcile_special_mexican_workflow_1",
            "TestAccountMoveReconcile.test_reconcile_special_mexican_workflow_2",
            "TestAccountPayment.test_compute_currency_id",
            "TestAccountPaymentRegister."
            "test_register_foreign_currency_on_payment_exchange_writeoff_account",
            "TestAccountPaymentRegister."
            "test_register_payment_invoice_comp_curr_payment_foreign_curr",
        ],
    ),
    Rule(
        "Both sides of a match belong to one contract: documents in foreign currency, "
        "entries without a client and bank lines have none here",
        r"UserError: .* they can't be matched\. Money crosses contracts",
        [
            "TestAccountMove.test_invoice_like_entry_reverse_caba",
            "TestAccountMoveDateAlgorithm.test_caba_with_lock_date",
            "TestAccountMoveReconcile.test_modify_all_reconciled_lines_with_no_partner",
            "TestAccountMoveReconcile.test_reconcile_cash_basis_tax_grid_refund",
            "TestAccountMoveReconcile.test_reconcile_rounding_issue",
            "TestAccountPayment.test_invoice_paid_hook_called_in_various_scenarios",
            "TestAccountPayment.test_reconciliation_payment_states",
            "TestAccountPaymentRegister."
            "test_register_foreign_currency_on_invoice_exchange_writeoff_account",
            "TestAccountPaymentRegister."
            "test_register_payment_invoice_foreign_curr_payment_comp_curr",
        ],
    ),
    Rule(
        "Money of a contract is in the books at once, not with the bank statement",
        r"ValidationError: Journal .* books payments only when the bank statement",
        [
            "TestAccountMoveReconcile.test_partial_payments_auto_validation",
            "TestAccountPayment."
            "test_payments_invoice_payment_state_without_outstanding_accounts",
        ],
    ),
    Rule(
        "A contract belongs to one company: a branch's debt is not paid at its parent",
        r"UserError: [\s\S]*company inconsistencies[\s\S]*isp_contract_id",
        ["TestAccountPaymentRegister.test_payment_with_branch"],
    ),
    Rule(
        "Charges take credit in hand when they are posted, and money pays debts: "
        "nothing is left to be offered, or to be matched by hand",
        r"AssertionError: (\{.*\} != \{\d+: |account\.full\.reconcile\(\d+,\) is not "
        r"false|Lists differ: \[\{'amount_residual': -1002\.0)",
        [
            "TestAccountMovePaymentsWidget.test_outstanding_payments_foreign_currency",
            "TestAccountMovePaymentsWidget.test_outstanding_payments_single_currency",
            "TestAccountMoveReconcile."
            "test_partial_reconcile_amounts_of_several_matching_lines",
            "TestAccountMoveReconcile."
            "test_reconcile_draft_cash_basis_surprise_use_case",
        ],
    ),
    Rule(
        "Behind a lock date a document goes to the nearest free day of its reporting "
        "period; Odoo takes today, or the end of the month",
        r"AssertionError: ('2023-02-02' != '2023-02-28'"
        r"|Lists differ: .*\(2017, 1, 12\)\}\] != .*\(2017, 1, 1\)\}\])",
        [
            "TestAccountMoveDateAlgorithm.test_caba_with_different_lock_dates",
            "TestAccountMoveDateAlgorithm.test_out_invoice_date_with_lock_date",
            "TestAccountMoveDateAlgorithm.test_out_refund_date_with_lock_date",
        ],
    ),
]
