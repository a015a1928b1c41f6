from collections import defaultdict
from typing import NamedTuple

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools import account_number
from ..tools.phone import to_international

# In the order in which they count. The check digit makes the first certain by itself.
RULES = [
    ("account_no", "Account number"),
    ("alias", "Alias"),
    ("login", "Login"),
    ("contract", "Contract number"),
    ("invoice", "Invoice number"),
    ("phone_typed", "Phone typed as account"),
    ("payer_phone", "Payer's phone"),
    ("person", "A person"),
]
_NAMING_RULES = ("account_no", "alias", "login", "contract", "invoice")


class Match(NamedTuple):
    """Whose money a receipt is, and by which rule; or why nobody's."""

    contract: models.BaseModel
    connection: models.BaseModel
    rule: str | bool = False
    reason: str | bool = False


class IspMoneyMatching(models.AbstractModel):
    """How a receipt finds its customer."""

    _name = "isp.money.matching"
    _description = "Finding Customers of Receipts"

    # === MATCHING === #

    def _match(self):
        """Find the customers of receipts of the current company.

        Only what is certain counts: a reference that is exactly one of our numbers or
        names, else a phone that exactly one customer has. Never an amount, never a
        name, never a part of a reference.

        :return: dict of receipt → :class:`Match`
        """
        targets = {
            "account_no": self._find_account_no(),
            "alias": self._find_alias(),
            "login": self._find_login(),
            "contract": self._find_contract_name(),
            "invoice": self._find_invoice(),
            "phone_typed": self._find_phone("account_ref"),
            "payer_phone": self._find_phone("payer_phone"),
        }
        return {
            receipt: receipt._decide(
                {rule: found[receipt] for rule, found in targets.items()}
            )
            for receipt in self
        }

    def _decide(self, targets):
        """Choose among what the rules found for one receipt.

        :param dict targets: rule → set of (contract, connection) records
        """
        named = {rule: targets[rule] for rule in _NAMING_RULES if targets[rule]}
        if named:
            rule = next(iter(named))
            if rule != "account_no" and targets["phone_typed"]:
                # A login may look like another customer's phone: it is no proof then.
                clients = self._get_clients(set().union(*named.values()))
                if not clients & self._get_clients(targets["phone_typed"]):
                    named["phone_typed"] = targets["phone_typed"]
            found = set().union(*named.values())
            if len({contract for contract, _line in found}) > 1:
                return self._nobody(self._describe_conflict(named))
            return self._decide_named(rule, named[rule])
        for rule in ("phone_typed", "payer_phone"):
            if targets[rule]:
                return self._decide_phone(rule, targets[rule])
        return self._nobody(
            self.env._("Neither the account typed nor the payer's phone is known.")
        )

    @api.model
    def _get_clients(self, targets):
        return {contract.partner_id for contract, _line in targets}

    def _describe_conflict(self, targets):
        """Say what several customers have alike, so that a person can change it."""
        labels = dict(self._fields["match_rule"]._description_selection(self.env))
        names = [
            self.env._("%(label)s of %(contract)s", label=labels[rule], contract=name)
            for rule, found in targets.items()
            for name in sorted({contract.name for contract, _line in found})
        ]
        return self.env._(
            "The account typed names more than one customer: %(names)s. Change the "
            "alias, login or number that is wrong there, then look again.",
            names=", ".join(names),
        )

    def _decide_named(self, rule, targets):
        contract = next(iter(targets))[0]
        lines = {connection for _contract, connection in targets}
        connection = lines.pop() if len(lines) == 1 else self.env["isp.connection"]
        if not self._can_take(contract, connection):
            # Its holder may have a new contract, or be owed this back.
            return self._nobody(
                self.env._(
                    "%(target)s is closed and owes nothing.",
                    target=(connection or contract).display_name,
                )
            )
        return Match(contract, connection, rule)

    def _decide_phone(self, rule, targets):
        contracts = self.env["isp.contract"].union(*(c for c, _line in targets))
        contracts = contracts.filtered(
            lambda c: self._can_take(c, self.env["isp.connection"])
        )
        if len(contracts.partner_id) > 1:
            return self._nobody(self.env._("Several customers have this phone."))
        if len(contracts) > 1:
            return self._nobody(
                self.env._(
                    "%(client)s has this phone and %(count)s contracts.",
                    client=contracts.partner_id.display_name,
                    count=len(contracts),
                )
            )
        if not contracts:
            return self._nobody(
                self.env._("The customer with this phone has no open contract.")
            )
        return Match(contracts, self.env["isp.connection"], rule)

    @api.model
    def _nobody(self, reason):
        return Match(
            self.env["isp.contract"], self.env["isp.connection"], False, reason
        )

    @api.model
    def _can_take(self, contract, connection):
        """Whether money for this contract and line has anything to pay, now or later.

        What is closed takes money for what it still owes; else a person asks whether
        the payer meant a line of today.
        """
        if contract.state == "active" and connection.state != "closed":
            return True
        if connection.state == "closed":
            owed = contract._get_open_lines_domain(">")
            owed &= Domain("isp_connection_id", "=", connection.id)
            return bool(self.env["account.move.line"].search_count(owed, limit=1))
        return contract.currency_id.compare_amounts(contract.balance, 0) < 0

    # === FINDING, ONE RULE EACH === #

    def _by_reference(self, normalize):
        """Return a dict of normalised reference → receipts that have it."""
        receipts = defaultdict(self.browse)
        for receipt in self:
            reference = " ".join((receipt.account_ref or "").split())
            for key in normalize(reference) if reference else ():
                receipts[key] |= receipt
        return receipts

    @api.model
    def _spread(self, receipts, records, key, target):
        """Return a dict of receipt → set of (contract, connection).

        :param dict receipts: key → receipts, see `_by_reference`
        :param records: what was found for the keys
        :param key: gives the key of a record
        :param target: gives contract and connection of a record
        """
        found = defaultdict(set)
        for record in records:
            for receipt in receipts.get(key(record), ()):
                found[receipt].add(target(record))
        return found

    def _own(self, domain):
        return Domain("company_id", "=", self.env.company.id) & Domain(domain)

    def _find_account_no(self):
        def normalize(reference):
            # O for 0 is forgiven where the check digit proves it.
            forgiven = account_number.forgiving(reference)
            return {account_number.normalize(reference), forgiven} - {None, ""}

        receipts = self._by_reference(normalize)
        domain = self._own([("account_no", "in", list(receipts))])
        no_line = self.env["isp.connection"]
        contracts = self.env["isp.contract"].search(domain)
        connections = self.env["isp.connection"].search(domain)
        found = self._spread(
            receipts, contracts, lambda c: c.account_no, lambda c: (c, no_line)
        )
        more = self._spread(
            receipts, connections, lambda c: c.account_no, lambda c: (c.contract_id, c)
        )
        for receipt, targets in more.items():
            found[receipt] |= targets
        return found

    def _find_alias(self):
        receipts = self._by_reference(lambda reference: [reference.upper()])
        aliases = self._search_folded("isp.account.alias", "name", "upper", receipts)
        return self._spread(
            receipts,
            aliases,
            lambda a: a.name.upper(),
            lambda a: (a.contract_id, a.connection_id),
        )

    def _find_login(self):
        receipts = self._by_reference(lambda reference: [reference.lower()])
        lines = self._search_folded("isp.connection", "username", "lower", receipts)
        return self._spread(
            receipts,
            # A login may be given out anew when its line is closed.
            self._prefer_open(lines),
            lambda c: c.username.lower(),
            lambda c: (c.contract_id, c),
        )

    def _find_contract_name(self):
        receipts = self._by_reference(lambda reference: {reference, reference.upper()})
        domain = self._own([("name", "in", list(receipts))])
        no_line = self.env["isp.connection"]
        return self._spread(
            receipts,
            self.env["isp.contract"].search(domain),
            lambda c: c.name,
            lambda c: (c, no_line),
        )

    def _find_invoice(self):
        receipts = self._by_reference(lambda reference: {reference, reference.upper()})
        references = list(receipts)
        moves = self.env["account.move"].search(
            self._own(
                [
                    ("move_type", "=", "out_invoice"),
                    ("state", "=", "posted"),
                    ("isp_contract_id", "!=", False),
                ]
            )
            & (
                Domain("name", "in", references)
                | Domain("payment_reference", "in", references)
            )
        )
        found = defaultdict(set)
        for move in moves:
            lines = move.line_ids.filtered("isp_contract_id").isp_connection_id
            line = lines if len(lines) == 1 else self.env["isp.connection"]
            for reference in {move.name, move.payment_reference} - {False}:
                for receipt in receipts.get(reference, ()):
                    found[receipt].add((move.isp_contract_id, line))
        return found

    def _find_phone(self, field):
        """Find contracts by a phone of their holder or payer."""
        wanted = defaultdict(self.browse)
        for receipt in self:
            country = receipt.collection_id.country_id.code or ""
            # A masked number is not a number and gives nothing.
            if number := to_international(receipt[field] or "", country):
                for form in self._get_phone_forms(number, country):
                    wanted[form] |= receipt
        found = defaultdict(set)
        if not wanted:
            return found
        partners = self.env["res.partner"].search([("isp_phone", "in", list(wanted))])
        contracts = self.env["isp.contract"].search(
            self._own([])
            & (
                Domain("partner_id", "in", partners.ids)
                | Domain("payer_id", "in", partners.ids)
            )
        )
        no_line = self.env["isp.connection"]
        for contract in contracts:
            people = (contract.partner_id | contract.payer_id) & partners
            for person in people:
                for receipt in wanted[person.isp_phone]:
                    found[receipt].add((contract, no_line))
        return found

    @api.model
    def _get_phone_forms(self, number, country):
        """Return the ways a number may be stored for a partner without a country."""
        national = number[3:]
        forms = {national, f"0{national}"}
        return {number} | {f for f in forms if to_international(f, country) == number}

    @api.model
    def _search_folded(self, model, field, fold, keys):
        """Search a company's rows by names whose case does not matter.

        :param str fold: ``"lower"`` or ``"upper"``, as the index on the field has it
        :param keys: the names, folded
        """
        records = self.env[model]
        if not keys:
            return records
        table = records._table
        records.flush_model([field, "company_id"])
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM %s WHERE company_id = %s AND %s(%s) = ANY(%s)",
                SQL.identifier(table),
                self.env.company.id,
                SQL(fold),
                SQL.identifier(field),
                list(keys),
            )
        )
        # Case folds differently in PostgreSQL and Python for a few letters.
        found = records.browse(record_id for (record_id,) in rows)
        return found.filtered(lambda r: getattr(r[field], fold)() in keys)

    @api.model
    def _prefer_open(self, connections):
        groups = connections.grouped(lambda c: c.username.lower())
        kept = self.env["isp.connection"]
        for lines in groups.values():
            kept |= lines.filtered(lambda c: c.state != "closed") or lines
        return kept
