from odoo import api, models

from .isp_home import CLERK, NETWORK, USER

CONNECTIONS = "mybizna_isp.isp_connection_action"


class IspHome(models.AbstractModel):
    """What a new colleague needs in the first hour: what to do, and where."""

    _inherit = "isp.home"

    @api.model
    def _get_tasks(self):
        return [
            {"key": key, **{name: spec[name] for name in ("title", "icon", "steps")}}
            for key, spec in self._get_task_specs().items()
            if self.env.user.has_group(spec["group"])
        ]

    @api.model
    def _get_task_specs(self):
        """Return what can be done: key → title, icon, group, action, steps."""
        return {**self._get_daily_tasks(), **self._get_other_tasks()}

    @api.model
    def _get_daily_tasks(self):
        return {
            "task_off": {
                "title": self.env._("A client is off"),
                "icon": "fa-power-off",
                "group": USER,
                "action": CONNECTIONS,
                "steps": [
                    self.env._("Find the line by name, phone, login or account."),
                    self.env._("Read the coloured sentence: it says why."),
                    self.env._("Unpaid: register the payment, or take a promise."),
                    self.env._("Waiting for the router: press Update RADIUS."),
                ],
            },
            "task_money": {
                "title": self.env._("Money without a customer"),
                "icon": "fa-question-circle",
                "group": CLERK,
                "action": "mybizna_isp.isp_money_receipt_action_unmatched",
                "steps": [
                    self.env._("Open the receipt; read what the payer typed."),
                    self.env._("Ask the payer if in doubt: never guess by the amount."),
                    self.env._("Press Assign and choose the client's line."),
                ],
            },
            "task_client": {
                "title": self.env._("A new client"),
                "icon": "fa-user-plus",
                "group": CLERK,
                "action": CONNECTIONS,
                "new": True,
                "steps": [
                    self.env._("Choose or type the client; choose the package."),
                    self.env._("Give a login and save: the account number appears."),
                    self.env._("Press Generate Invoice; tell what to pay, and where."),
                ],
            },
        }

    @api.model
    def _get_other_tasks(self):
        return {
            "task_package": {
                "title": self.env._("Another package"),
                "icon": "fa-tachometer",
                "group": CLERK,
                "action": CONNECTIONS,
                "steps": [
                    self.env._("Open the line, press Change Package, choose."),
                    self.env._("Read out what is taken back and what is to pay."),
                    self.env._("Press OK; the speed changes with the next login."),
                ],
            },
            "task_moving": {
                "title": self.env._("Moving house"),
                "icon": "fa-truck",
                "group": CLERK,
                "action": CONNECTIONS,
                "steps": [
                    self.env._("Open the line and switch on 'Contract and site'."),
                    self.env._("Make the new site with its address; choose it."),
                    self.env._("Check the gateway: the new place may have another."),
                ],
            },
            "task_router": {
                "title": self.env._("A router is down"),
                "icon": "fa-server",
                "group": NETWORK,
                "action": "mybizna_isp.isp_gateway_action",
                "steps": [
                    self.env._("Open the gateway: its state says what is wrong."),
                    self.env._("Put it right, press Test Connection."),
                    self.env._("Waiting lines follow by themselves; nothing is lost."),
                ],
            },
        }

    @api.model
    def _get_places(self):
        """Return short information about the interface: menu → what is there."""
        clients = self.env._("who they are, their contracts, sites and balances")
        services = self.env._("the packages you sell: speed, price, set-up items")
        operations = self.env._("every movement of a balance, invoices, periods")
        connections = self.env._("the lines, and why each is on or off")
        payments = self.env._("receipts, payments, and money without a customer")
        network = self.env._("gateways, and what each router was last told")
        places = [
            (USER, self.env._("Clients"), clients),
            (USER, self.env._("Services"), services),
            (USER, self.env._("Operations"), operations),
            (USER, self.env._("Connections"), connections),
            (CLERK, self.env._("Payments"), payments),
            (NETWORK, self.env._("Network"), network),
        ]
        return [
            {"name": name, "text": text}
            for group, name, text in places
            if self.env.user.has_group(group)
        ]
