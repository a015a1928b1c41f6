from odoo import fields, models


class IspBilling(models.Model):
    """From billed rows to posted documents: what shares one, and what it is."""

    _inherit = "isp.billing"

    def _issue_invoices(self):
        """Create and post the documents of these rows, in one batch.

        :return: the posted account.move records
        """
        documents = self._group_documents()
        journals = {
            company: self.env["account.move"]
            .new({"move_type": "out_invoice", "company_id": company.id})
            .journal_id
            for company in self.company_id
        }
        moves = self._create_documents(
            [
                {
                    **rows._prepare_document_vals(),
                    "journal_id": journals[rows.company_id].id,
                }
                for rows in documents
            ]
        )
        for rows, move in zip(documents, moves, strict=True):
            rows.invoice_id = move
            if move.move_type == "out_invoice":
                rows.connection_id.invoice_id = move
        self._note_earlier_invoices()
        moves.with_context(isp_sequence_formats={}, isp_is_issued=True).action_post()
        return moves

    def _group_documents(self):
        """Return these rows as a list of recordsets, one for each document."""
        groups = self.grouped(lambda row: row._get_document_key()).values()
        return [rows for group in groups for rows in group._split_by_origin()]

    def _split_by_origin(self):
        """Return these rows as a list of recordsets: credits of two invoices share a
        document only where one charge takes the place of both.

        Else the credit for a period to come would pay for one that was served.
        """
        credits_ = self.filtered(lambda b: b.kind == "credit")
        parts = list(credits_.grouped(lambda b: b.origin_id.invoice_id).values())
        if len(parts) < 2:
            return [self]
        for row in self - credits_:
            meets = [rows for rows in parts if row._overlaps(rows)]
            parts = [rows for rows in parts if rows not in meets]
            parts.append(row.union(*meets))
        return parts

    def _overlaps(self, others):
        """Whether this row's time is shared by one of others of its connection."""
        return any(
            self.connection_id == other.connection_id
            and self.start_at
            and other.start_at
            and self.start_at < other.end_at
            and other.start_at < self.end_at
            for other in others
        )

    def _get_document_key(self):
        """Rows of one key share a document.

        Where a tax office wants it so, a credit names the one invoice it lowers.
        """
        self.ensure_one()
        if self.kind == "credit" and not self.company_id.isp_one_document:
            return ("credit", self.origin_id.invoice_id)
        if self.contract_id.is_grouped:
            return ("contract", self.contract_id)
        return ("connection", self.connection_id)

    def _prepare_document_vals(self):
        """Return the values of the document of these rows, which share a contract.

        What comes out below zero is a credit note.
        """
        contract, company = self.contract_id, self.company_id
        today = company._isp_today()
        amount = sum(self.mapped("amount"))
        sign = company.currency_id.compare_amounts(amount, 0)
        # What is taken back for nothing is taken back all the same.
        is_refund = sign < 0 or not (
            sign or self.filtered(lambda b: b.kind != "credit")
        )
        lines = self.connection_id
        return {
            "move_type": "out_refund" if is_refund else "out_invoice",
            "company_id": company.id,
            "partner_id": (contract.payer_id or contract.partner_id).id,
            "fiscal_position_id": contract.fiscal_position_id.id,
            "isp_contract_id": contract.id,
            "isp_kind": "credit_note" if is_refund else "charge",
            # The day of issue; the service period stands on the line. Both dates are
            # given: Odoo would derive one from the other.
            "invoice_date": today,
            "date": today,
            "invoice_date_due": self._get_due_date(today),
            "invoice_payment_term_id": False,
            "invoice_origin": contract.name,
            "payment_reference": (
                lines.account_no if len(lines) == 1 else contract.account_no
            ),
            "reversed_entry_id": self._get_credited_invoice().id,
            "invoice_line_ids": [
                fields.Command.create(
                    item._prepare_invoice_line_vals(-1 if is_refund else 1)
                )
                for item in self._get_document_items()
            ],
        }

    def _get_document_items(self):
        """Return the items in the order the client reads them: line by line, what is
        taken back before what is charged."""
        return self.item_ids.sorted(
            lambda item: (
                item.billing_id.connection_id.sequence,
                item.billing_id.connection_id.id,
                item.billing_id.kind != "credit",
                item.billing_id.kind == "period",
                item.sequence,
                item.id,
            )
        )

    def _get_due_date(self, today):
        """Return when a document of these rows is due: when its first period begins,
        or some days after its issue for periods in arrears."""
        dues = [
            fields.Date.add(today, days=row.package_id.payment_days)
            if row.package_id.billing_timing == "arrears"
            else row.date_start
            for row in self
            if row.kind == "period" and row.date_start
        ]
        return max(min(dues, default=today), today)

    def _get_credited_invoice(self):
        """Return the invoice that a credit note of these rows lowers, if it is one."""
        if any(row.kind != "credit" for row in self):
            return self.env["account.move"]
        invoices = self.origin_id.invoice_id
        return invoices if len(invoices) == 1 else self.env["account.move"]
