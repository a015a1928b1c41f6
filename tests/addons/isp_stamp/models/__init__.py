from . import account_move, account_payment, isp_contract
