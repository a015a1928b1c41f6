from . import account_payment_register, isp_money_assign
