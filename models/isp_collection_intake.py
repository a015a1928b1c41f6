import json

from odoo import api, fields, models
from odoo.tools import consteq

from ..tools.phone import is_phone_sender, to_international

# More digits than a short code has are a person's line.
SHORT_CODE_DIGITS = 6
# The keys playSMS uses inside {SANDBOX_PAYLOAD}.
_PAYLOAD_KEYS = {
    "message": "message",
    "sender": "sms_sender",
    "receiver": "sms_receiver",
    "datetime": "sms_datetime",
    "smsc": "smsc",
}


class IspCollection(models.Model):
    _inherit = "isp.collection"

    # === MESSAGES IN === #

    @api.model
    def _find_by_token(self, token):
        """Return the collection an address belongs to, as superuser, or none.

        Every token is compared, each in constant time, so that the time taken tells
        nothing about any of them.
        """
        given = token.encode()
        now = fields.Datetime.now()
        found = self.sudo().browse()
        # The caller is a machine without a user; it knows one token and no more.
        for collection in self.sudo().search([]):  # pylint: disable=no-search-all
            until = collection.previous_token_until
            is_current = consteq(collection.token.encode(), given)
            is_previous = consteq((collection.previous_token or "").encode(), given)
            if is_current or (is_previous and given and until and now < until):
                found = collection
        return found

    def _receive(self, values, raw):
        """Store a message of this collection's playSMS as it came.

        :param dict values: the request's parameters
        :param str raw: the request as received
        :return: the isp.sms.inbox record
        """
        self.ensure_one()
        message = self._read_parameters(values)
        collection = self._get_addressee(message["receiver"], message["smsc"])
        return self.env["isp.sms.inbox"].sudo()._store(collection, message, raw)

    def _read_parameters(self, values):
        """Return text, sender, receiver, datetime and smsc; the text may be None."""
        message = {key: values.get(self[f"param_{key}"]) for key in _PAYLOAD_KEYS}
        payload = self._read_payload(values)
        for key, payload_key in _PAYLOAD_KEYS.items():
            if message[key] is None and isinstance(payload.get(payload_key), str):
                message[key] = payload[payload_key]
        message["text"] = message.pop("message")
        return message

    def _read_payload(self, values):
        """Return playSMS's own JSON, under its name or any other."""
        named = values.get(self.param_payload)
        for value in filter(None, (named, *values.values())):
            if not value.lstrip().startswith("{"):
                continue
            try:
                payload = json.loads(value)
            except (ValueError, RecursionError):
                continue
            if "message" in payload:
                return payload
        # A JSON body has playSMS's keys on the outside.
        return values

    def _get_addressee(self, receiver, smsc):
        """Return whose message this is among the collections of one playSMS."""
        siblings = self.search([("shares_webhook_of_id", "=", self.id)])
        named = siblings.filtered(lambda c: c._is_received_by(receiver, smsc))
        return named if len(named) == 1 else self

    def _is_received_by(self, receiver, smsc):
        """Whether a SIM, by number or by SMSC name, is this collection's."""
        own = (self.receiver or "").strip()
        country = self.country_id.code
        number = to_international(receiver or "", country)
        if number and number == to_international(own, country):
            return True
        heard = {(name or "").strip().lower() for name in (receiver, smsc)} - {""}
        return own.lower() in heard

    # === WHOSE MESSAGES COUNT === #

    def _get_accepted_senders(self):
        names = (self.accepted_senders or "").split(",")
        return [name.strip() for name in names if name.strip()]

    @api.model
    def _is_person(self, sender):
        """Whether a sender is a person's line; short codes are not."""
        digits = sum(sign.isdigit() for sign in sender)
        return is_phone_sender(sender) and digits > SHORT_CODE_DIGITS

    def _why_sender_refused(self, sender):
        """Return why messages of this sender are not booked, or False."""
        sender = (sender or "").strip()
        accepted = {name.lower().lstrip("+") for name in self._get_accepted_senders()}
        known = sender.lower().lstrip("+") in accepted
        if self._is_person(sender) or (is_phone_sender(sender) and not known):
            return self.env._(
                "Sent from a number. Money is announced under the network's name."
            )
        if accepted and not known:
            return self.env._(
                "Sender %(sender)s is not among the accepted senders of %(name)s.",
                sender=sender or self.env._("(none)"),
                name=self.name,
            )
        return False

    def _why_receiver_refused(self, receiver, smsc):
        """Return why messages on this SIM are not booked, or False."""
        if not self.receiver or not (receiver or smsc):
            return False
        if self._is_received_by(receiver, smsc):
            return False
        return self.env._(
            "Received on SIM %(receiver)s, not on that of %(name)s.",
            receiver=receiver or smsc,
            name=self.name,
        )
