from . import models


def post_init_hook(env):
    """Count what tests post: a sequence keeps its value when they roll back.

    Who keeps books in these tests may what our accountants may.
    """
    env.cr.execute("CREATE SEQUENCE isp_stamp_posted")
    accountant = env.ref("mybizna_isp.isp_group_accountant")
    env.ref("account.group_account_user").implied_ids |= accountant
    env.ref("account.group_account_manager").implied_ids |= accountant
