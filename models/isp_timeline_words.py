from datetime import timedelta

from odoo import api, models
from odoo.tools import format_date, format_datetime

from .isp_timeline import SOURCES

# A message that comes that long after its payment is late.
LATE = timedelta(minutes=15)


class IspTimeline(models.Model):
    """What a row of the timeline says: one sentence for each source.

    The sentences name no amount; that is a field of its own, for the back office.
    """

    _inherit = "isp.timeline"

    @api.depends_context("lang", "tz", "uid")
    @api.depends("source", "res_id")
    def _compute_words(self):
        for source, rows in self.grouped("source").items():
            # Each line of the timeline is the reader's; its words tell no amount.
            records = (
                self.env[SOURCES[source].model].sudo().browse(rows.mapped("res_id"))
            )
            for row, record in zip(rows, records, strict=True):
                said = getattr(self, f"_say_{source}")(record)
                row.name, row.detail = (
                    said if isinstance(said, tuple) else (said, False)
                )

    # === MONEY === #

    def _say_message(self, message):
        sender = message.sender or self.env._("the network")
        if message.kind == "reversal":
            name = self.env._("Message from %s: a payment is taken back", sender)
        elif message.state == "duplicate":
            name = self.env._("Message from %s: told again", sender)
        else:
            name = self.env._("Message from %s", sender)
        # Its text tells what was paid.
        is_clerk = self.env.user.has_group("mybizna_isp.isp_group_clerk")
        return name, message.text if is_clerk else False

    def _say_receipt(self, receipt):
        words = {"code": receipt.code, "state": self._say_label(receipt, "state")}
        if not receipt.match_rule or receipt.state in ("review", "revoked"):
            said = self.env._("Receipt %(code)s: %(state)s", **words)
        else:
            said = self.env._(
                "Receipt %(code)s, customer found by: %(rule)s",
                rule=self._say_label(receipt, "match_rule"),
                **words,
            )
        paid_at = receipt.paid_at
        if not paid_at or receipt.create_date - paid_at < LATE:
            return said
        moment = self._say_moment(receipt.company_id, paid_at)
        return self.env._(
            "%(receipt)s; paid on %(moment)s", receipt=said, moment=moment
        )

    def _say_payment(self, payment):
        words = {"payment": payment.name or ""}
        is_refund = payment.payment_type == "outbound"
        if is_refund and payment.isp_revoked:
            return self.env._("Paid back: %(payment)s, cancelled later", **words)
        if is_refund:
            return self.env._("Paid back: %(payment)s", **words)
        if payment.isp_revoked:
            return self.env._("Payment %(payment)s booked, cancelled later", **words)
        return self.env._("Payment %(payment)s booked", **words)

    def _say_payment_cancelled(self, payment):
        return self._say_cancelled(payment.name, payment.move_id.isp_revoked_by_id)

    def _say_billing(self, billing):
        if billing.state == "revoked":
            return self.env._("Billed: %s, cancelled later", billing.name)
        return self.env._("Billed: %s", billing.name)

    def _say_billing_cancelled(self, billing):
        return self._say_cancelled(billing.name, billing.invoice_id.isp_revoked_by_id)

    def _say_cancelled(self, name, mirror):
        return self.env._(
            "%(document)s cancelled: %(reason)s",
            document=name,
            reason=mirror.ref or mirror.name,
        )

    def _say_reconciliation(self, partial):
        credit, debit = partial.credit_move_id.move_id, partial.debit_move_id.move_id
        words = {"credit": credit.name, "debit": debit.name}
        if debit.isp_revokes_id:
            return self.env._("%(debit)s cancels %(credit)s", **words)
        if credit.isp_revokes_id:
            return self.env._("%(credit)s cancels %(debit)s", **words)
        if credit.origin_payment_id:
            return self.env._("%(credit)s pays %(debit)s", **words)
        return self.env._("%(credit)s lowers %(debit)s", **words)

    # === REASONS === #

    def _say_suspension(self, span):
        return self._say_span(self.env._("Off"), span, "reason")

    def _say_suspension_end(self, span):
        return self.env._("No longer off: %s", self._say_label(span, "reason"))

    def _say_extension(self, span):
        return self._say_span(self.env._("On without money"), span, "kind")

    def _say_extension_end(self, span):
        return self.env._(
            "No longer on without money: %s", self._say_label(span, "kind")
        )

    def _say_span(self, head, span, field):
        reason = self._say_label(span, field)
        if span.note:
            reason = f"{reason}, {span.note}"
        if span.date_to:
            until = span.connection_id._say_moment(span.date_to)
            reason = self.env._(
                "%(reason)s, until %(until)s", reason=reason, until=until
            )
        return self.env._(
            "%(head)s: %(reason)s, by %(user)s",
            head=head,
            reason=reason,
            user=span.user_id.name,
        )

    def _say_paid_end(self, _connection):
        return self.env._("The paid time ended, grace included")

    def _say_change(self, change):
        return self.env._(
            "%(state)s: %(old)s to %(new)s from %(day)s",
            state=self._say_label(change, "state"),
            old=change._describe_package("from"),
            new=change._describe_package("to"),
            day=format_date(self.env, change.date),
        )

    def _say_event(self, operation):
        return operation.description or ""

    # === ROUTERS AND SESSIONS === #

    def _say_wish(self, access):
        return self.env._(
            "%(gateway)s is to know since then: %(wish)s",
            gateway=access.gateway_id.name,
            # What is wished by now may be newer than the moment told of.
            wish=access._describe(access.sent or access.applied),
        )

    def _say_exchange(self, log):
        name = self.env._(
            "%(gateway)s: %(outcome)s",
            # It may have been deleted; what was done there was done.
            gateway=log.gateway_id.name or "–",
            outcome=self._say_label(log, "outcome"),
        )
        return name, "\n".join(filter(None, (log.commands, log.reply)))

    def _say_attempt(self, attempt):
        if attempt.is_accepted:
            return self.env._("%s was let in", attempt.login)
        return self.env._(
            "%(login)s was refused: %(reason)s",
            login=attempt.login,
            reason=attempt.reason or "–",
        )

    def _say_session(self, session):
        return self.env._(
            "Session began: %(address)s, device %(device)s",
            address=session.address or "–",
            device=session.caller or "–",
        )

    def _say_session_end(self, session):
        return self.env._(
            "Session ended: %(cause)s, %(down)s down, %(up)s up",
            cause=session.cause or "–",
            down=self._say_bytes(session.download),
            up=self._say_bytes(session.upload),
        )

    # === PARTS === #

    def _say_label(self, record, field):
        return record._fields[field].convert_to_export(record[field], record)

    def _say_moment(self, company, moment):
        return format_datetime(
            self.env, moment, tz=company._isp_zone(), dt_format="EEE d MMM y HH:mm"
        )

    def _say_bytes(self, count):
        unit, size = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
        return f"{count / size:.1f} {unit}"
