from . import account_payment_register
from . import isp_money_assign
