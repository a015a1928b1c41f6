from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class IspConnectionChange(models.Model):
    """One row is one change of what a connection has: from, to, on which day."""

    _name = "isp.connection.change"
    _description = "Change of a Connection"
    _order = "date desc, id desc"
    _rec_name = "connection_id"
    _check_company_auto = True

    connection_id = fields.Many2one(
        "isp.connection",
        required=True,
        index=True,
        readonly=True,
        ondelete="cascade",
        check_company=True,
    )
    contract_id = fields.Many2one(
        related="connection_id.contract_id", store=True, index=True
    )
    partner_id = fields.Many2one(
        related="connection_id.partner_id", string="Client", store=True
    )
    company_id = fields.Many2one(
        related="connection_id.company_id", store=True, index=True, precompute=True
    )
    kind = fields.Selection(
        [("package", "Package"), ("quantity", "Quantity")],
        required=True,
        readonly=True,
        default="package",
    )
    package_from_id = fields.Many2one(
        "isp.package",
        string="From",
        required=True,
        readonly=True,
        ondelete="restrict",
        check_company=True,
    )
    package_to_id = fields.Many2one(
        "isp.package",
        string="To",
        required=True,
        readonly=True,
        ondelete="restrict",
        check_company=True,
    )
    quantity_from = fields.Integer(required=True, readonly=True, default=1)
    quantity_to = fields.Integer(
        string="Quantity", required=True, readonly=True, default=1
    )
    date = fields.Date(
        string="From Day",
        required=True,
        readonly=True,
        help="The first day with the new package; the old period ends the day before.",
    )
    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
            ("undone", "Undone"),
        ],
        required=True,
        readonly=True,
        index=True,
        default="planned",
    )
    user_id = fields.Many2one(
        "res.users",
        string="By",
        default=lambda self: self.env.user,
        readonly=True,
        ondelete="restrict",
    )
    note = fields.Char(string="Why", readonly=True)
    preview = fields.Text(
        readonly=True, help="What the person who pressed OK was told before."
    )
    billing_ids = fields.One2many("isp.billing", "change_id", readonly=True)
    invoice_ids = fields.Many2many(
        "account.move", string="Documents", compute="_compute_invoice_ids"
    )
    # What the line goes back to when the change is taken back.
    anchor_from = fields.Date(readonly=True)
    billing_date_from = fields.Date(readonly=True)
    extension_id = fields.Many2one("isp.extension", readonly=True, ondelete="set null")

    _planned_uniq = models.UniqueIndex(
        "(connection_id) WHERE state = 'planned'",
        "A change of this connection is planned already. Cancel it first.",
    )

    @api.depends("billing_ids.invoice_id")
    def _compute_invoice_ids(self):
        for change in self:
            change.invoice_ids = change.sudo().billing_ids.invoice_id

    @api.depends("connection_id", "package_to_id", "date")
    def _compute_display_name(self):
        for change in self:
            change.display_name = change._describe()

    def _describe(self):
        self.ensure_one()
        return self.env._(
            "%(connection)s: %(old)s to %(new)s on %(day)s",
            connection=self.connection_id.display_name,
            old=self._describe_package("from"),
            new=self._describe_package("to"),
            day=format_date(self.env, self.date),
        )

    def _describe_package(self, end):
        package, quantity = self[f"package_{end}_id"], self[f"quantity_{end}"]
        return package.name if quantity == 1 else f"{quantity} × {package.name}"

    # === ACTIONS === #

    def action_cancel(self):
        """Take planned changes back; what they billed ahead is cancelled."""
        engine = self._get_engine()
        for change in engine.filtered(lambda c: c.state == "planned"):
            if change.billing_ids:
                self.env["account.move"]._isp_require_accountant()
            change._undo(self.env._("Planned change cancelled"))

    def action_undo(self):
        """Take the latest change back: its documents by counter-entry, its days and
        the package to what they were."""
        self.env["account.move"]._isp_require_accountant()
        for change in self._get_engine():
            change._undo(self.env._("Change undone by %s", self.env.user.name))

    def action_view_invoices(self):
        self.ensure_one()
        return self.invoice_ids._get_records_action(name=self.env._("Documents"))

    def _get_engine(self):
        self.connection_id._get_engine()
        return self.sudo()

    # === BUSINESS === #

    def _apply(self):
        """Give the lines what was decided, from the day on, and bill the difference."""
        for change in self:
            line = change.connection_id
            if not change.billing_ids:
                change.write(
                    {
                        "package_from_id": line.package_id.id,
                        "quantity_from": line.quantity,
                    }
                )
            was_on = line._is_covered_now()
            plan = line._prepare_rebill(
                change.package_to_id, change.quantity_to, change.date
            )
            change._book(plan)
            line.write(
                {
                    "package_id": change.package_to_id.id,
                    "quantity": change.quantity_to,
                }
            )
            change.state = "done"
            if was_on:
                change._bridge()
            line.message_post(body=change._describe())

    def _apply_ahead(self):
        """Bill anew at once what is billed ahead of the day of a planned change."""
        for change in self:
            plan = change.connection_id._prepare_rebill_ahead(
                change.package_to_id, change.quantity_to, change.date
            )
            change._book(plan)
            line = change.connection_id
            self.env.add_to_compute(line._fields["next_invoice_date"], line)
            line.message_post(body=self.env._("Planned: %s", change._describe()))

    def _book(self, plan):
        """Credit and charge by a `Rebill`."""
        self.ensure_one()
        line = self.connection_id
        if not self.billing_ids:
            self.write(
                {
                    "anchor_from": line.anchor_date,
                    "billing_date_from": line.billing_date,
                }
            )
        rows = plan.cut._cut(plan.day)
        rows |= self.env["isp.billing"].create(plan.charges)
        rows.change_id = self
        line.write({"anchor_date": plan.anchor, "billing_date": plan.billing_date})
        rows._issue_invoices()

    def _bridge(self):
        """Keep a line that was paid on until the difference falls due."""
        self.ensure_one()
        line = self.connection_id
        due = max(
            self.billing_ids.filtered(lambda b: b.state == "billed")
            .invoice_id.filtered(lambda m: m.move_type == "out_invoice")
            .mapped("invoice_date_due"),
            default=None,
        )
        if not due or line._is_covered_now():
            return
        self.extension_id = self.env["isp.extension"].create(
            {
                "connection_id": line.id,
                "kind": "change",
                "date_to": line.company_id._isp_to_utc(fields.Date.add(due, days=1)),
                "note": self._describe(),
            }
        )

    # === UNDO === #

    def _undo(self, reason):
        """Cancel the documents of a change whole; days and package go back."""
        self.ensure_one()
        self._check_last()
        documents = self.billing_ids.invoice_id.filtered(
            lambda move: move.state == "posted" and not move.isp_revoked_by_id
        )
        # What was charged goes first: its days are given back by the credit notes.
        for move in documents.sorted(lambda m: (m.move_type != "out_invoice", m.id)):
            move.with_context(isp_undo_change=True)._isp_post_mirror(reason)
        if self.state in ("planned", "done"):
            self._take_back()

    def _check_last(self):
        """Changes are taken back in reverse order, and before more is billed."""
        line = self.connection_id
        if self.state not in ("planned", "done"):
            raise UserError(self.env._("%s was taken back already.", self.display_name))
        if later := line.change_ids.filtered(
            lambda c: c.state in ("planned", "done") and c.id > self.id
        ):
            raise UserError(
                self.env._(
                    "%(change)s can't be undone before the later change is: "
                    "%(later)s. Undo that first.",
                    change=self.display_name,
                    later=later.sorted("id")[-1:].display_name,
                )
            )
        if line.package_id != self.package_to_id and self.state == "done":
            raise UserError(
                self.env._(
                    "%(change)s can't be undone: the package was changed since.",
                    change=self.display_name,
                )
            )
        self._check_nothing_billed_since()

    def _check_nothing_billed_since(self):
        own, line = self.billing_ids, self.connection_id
        credited = own.credit_ids.filtered(
            lambda b: b.state == "billed" and b not in own
        )
        later = line._get_period_billings().filtered(
            lambda b: b.date_end >= self.date and b not in own
        )
        if self.state == "planned":
            later = later.filtered(lambda b: b.package_id == self.package_to_id)
        elif not own:
            later = later.filtered(lambda b: b.package_id != self.package_from_id)
        if built := credited | later:
            raise UserError(
                self.env._(
                    "%(change)s can't be undone: %(billing)s was billed since, on "
                    "%(invoice)s. Cancel that first.",
                    change=self.display_name,
                    billing=built[:1].name,
                    invoice=built[:1].invoice_id.name,
                )
            )

    def _take_back(self):
        """The line is again what it was before."""
        self.ensure_one()
        line, was_planned = self.connection_id, self.state == "planned"
        self.state = "cancelled" if was_planned else "undone"
        # Before another one is planned: the unique key looks at the row.
        self.flush_recordset(["state"])
        if not was_planned:
            line.write(
                {
                    "package_id": self.package_from_id.id,
                    "quantity": self.quantity_from,
                }
            )
        if self.billing_ids:
            line.anchor_date = self.anchor_from
            line._set_date_behind_billed(self.billing_date_from)
        self.extension_id.action_end()
        self.env.add_to_compute(line._fields["next_invoice_date"], line)
        line.message_post(
            body=self.env._(
                "%(state)s: %(change)s",
                state=dict(self._fields["state"]._description_selection(self.env))[
                    self.state
                ],
                change=self._describe(),
            )
        )
