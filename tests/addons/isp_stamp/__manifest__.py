{
    "name": "ISP Billing: a contract on every customer document",
    "summary": "Only for make test-account: Odoo's own tests meet the ledger's rules",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "Mybizna",
    "license": "LGPL-3",
    "depends": ["mybizna_isp"],
    "post_init_hook": "post_init_hook",
}
