from odoo import fields, models


class IspUsageReport(models.Model):
    """One row is one way of one day's usage, for graphs; a view, nothing is stored."""

    _name = "isp.usage.report"
    _description = "Usage"
    _auto = False
    _order = "day desc, id desc"
    _rec_name = "day"

    gateway_id = fields.Many2one("isp.gateway", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    connection_id = fields.Many2one("isp.connection", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Client", readonly=True)
    package_id = fields.Many2one("isp.package", readonly=True)
    day = fields.Date(readonly=True)
    direction = fields.Selection(
        [("download", "Download"), ("upload", "Upload")], readonly=True
    )
    gigabytes = fields.Float(string="GB", readonly=True)
    sessions = fields.Integer(
        readonly=True, help="Sessions that began on this day, on the row Download."
    )

    @property
    def _table_query(self):
        return """
            SELECT usage.id * 2 + way.odd AS id, usage.gateway_id, usage.company_id,
                   usage.connection_id, connection.partner_id, connection.package_id,
                   usage.day, way.direction,
                   CASE way.odd WHEN 0 THEN usage.download ELSE usage.upload END / 1e9
                       AS gigabytes,
                   CASE way.odd WHEN 0 THEN usage.sessions ELSE 0 END AS sessions
              FROM isp_usage_day usage
             CROSS JOIN (VALUES (0, 'download'), (1, 'upload')) AS way (odd, direction)
              LEFT JOIN isp_connection connection
                     ON connection.id = usage.connection_id
        """
