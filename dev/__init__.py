"""What `make` calls: fetch Odoo, start services, run, test, lint.

Standard library only, so that it starts on a bare machine.
"""
