from . import (
    account_move_reversal,
    account_payment_register,
    isp_connection_change_wizard,
    isp_connection_pause,
    isp_contract_close,
    isp_money_assign,
    isp_operation_add,
    isp_package_price,
    isp_payment_move,
    isp_period_reopen,
    isp_statement,
    isp_tax_activate,
)
