from odoo import api, models


class IspSystemFieldsMixin(models.AbstractModel):
    """Fields that follow from other records: no default that a person chose reaches
    them.

    What is left out of the values is filled in from the context, which is the caller's,
    and from defaults of one's own. Looking at the values finds neither.
    """

    _name = "isp.system.fields.mixin"
    _description = "Fields Written by the System"

    # Names of these fields.
    _system_fields = frozenset()

    @api.model
    def default_get(self, fields):
        """Override: only the field itself says what it begins with."""
        names = self._system_fields.intersection(fields)
        defaults = super().default_get([name for name in fields if name not in names])
        for name in names:
            if default := self._fields[name].default:
                defaults[name] = default(self)
        return defaults
