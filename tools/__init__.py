"""Plain Python without Odoo: what the models know how to call."""
