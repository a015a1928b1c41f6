from odoo import models

from .isp_access import SESSION_KEYS


class IspAccess(models.Model):
    """What differs where access was opened before the worker came."""

    _inherit = "isp.access"

    def _get_changed_at(self, record, now):
        """Override: a line that was off and is on as before has no stale session.

        Whoever dialled in between the payment and the worker did so by what holds now.
        """
        changed_at = super()._get_changed_at(record, now)
        known = self.sent or self.applied
        if self.gateway_id.type != "radius_local" or changed_at == self.changed_at:
            return changed_at
        differing = {
            key
            for key in SESSION_KEYS
            if (known.get(key) or None) != (record.get(key) or None)
        }
        if differing == {"on"} and record.get("on"):
            return self.changed_at
        return changed_at
