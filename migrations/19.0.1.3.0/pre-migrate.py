"""A package says which kind of login it has."""


def migrate(cr, version):
    cr.execute(
        "UPDATE isp_package SET access_kind = 'pppoe' WHERE access_kind = 'login'"
    )
