from odoo import fields, models

from ..tools import proration


class IspConnection(models.Model):
    """What a period of a line costs: price on the service date, days, discounts."""

    _inherit = "isp.connection"

    def _prepare_billing_vals(self, period):
        """Return the values of the billing row of a `tools.periods.Period`."""
        vals = self._prepare_time_vals(period)
        vals["item_ids"] += [
            fields.Command.create(item) for item in self._prepare_extra_items(period)
        ]
        return vals

    def _prepare_time_vals(self, period):
        """Return the values of the row of a period by itself, without further items."""
        self.ensure_one()
        day = period.date_start
        return self._prepare_row_vals(
            self._get_package_on(day), self._get_quantity_on(day), period
        )

    def _prepare_row_vals(self, package, quantity, period):
        """Return the values of the row of a period, of any package of this line."""
        part = (period.date_start, period.date_end)
        return {
            "name": self._describe_period(package, part),
            "kind": "period",
            "connection_id": self.id,
            "package_id": package.id,
            "quantity": quantity,
            "date_start": period.date_start,
            "date_end": period.date_end,
            "start_at": period.start_at,
            "end_at": period.end_at,
            "cycle_start": period.whole[0],
            "cycle_end": period.whole[1],
            "item_ids": [
                fields.Command.create(item)
                for item in self._prepare_period_items(
                    package, quantity, period.whole, part
                )
            ],
        }

    def _describe_period(self, package, part):
        return self.env._(
            "%(package)s %(start)s – %(end)s",
            package=package.name,
            start=part[0],
            end=part[1],
        )

    def _get_package_on(self, day):
        """Return the package a line has on a service date."""
        self.ensure_one()
        return self.package_id

    def _get_quantity_on(self, day):
        """Return how many times the package is charged on a service date."""
        self.ensure_one()
        return self.quantity

    def _prepare_period_items(self, package, quantity, whole, part):
        """Return the items that charge a period, or a part of one.

        :param package: isp.package record
        :param int quantity: how many times it is charged
        :param tuple[date, date] whole: the cycle's own period, which the price is for
        :param tuple[date, date] part: the days to charge, within the whole
        :return: list of dicts of values of isp.billing.item
        """
        self.ensure_one()
        unit = self._get_price(part[0], package)
        full = self.currency_id.round(unit * quantity)
        item = {
            "kind": "charge",
            "name": f"{self._describe_period(package, part)} "
            f"({self.username or self.account_no})",
            "product_id": package.product_id.id,
            "full_amount": full,
            "date_start": part[0],
            "date_end": part[1],
        }
        if part == whole:
            item |= {"quantity": quantity, "amount": unit}
        else:
            item |= {
                "amount": self._get_share(full, whole, part),
                "name": self.env._(
                    "%(name)s, %(days)s of %(total)s days",
                    name=item["name"],
                    days=proration.count(part),
                    total=proration.count(whole),
                ),
            }
        return [item, *self._prepare_discount_items(item, whole, part, package)]

    def _get_share(self, amount, whole, part):
        return proration.share(amount, whole, part, self.currency_id.decimal_places)

    def _prepare_discount_items(self, item, whole, part, package):
        """Return the items that lower a charge; none where nothing was agreed."""
        return []

    def _prepare_extra_items(self, period):
        """Return further items that go with the bill of a period."""
        return []

    def _get_price(self, day, package=None):
        """Return the price of one period on a service date, by the pricelist."""
        company = self.company_id
        # Whoever asks: a product of all companies has each one's prices by date.
        product = (package or self.package_id).product_id.with_company(company)
        pricelist = self.contract_id.pricelist_id or company.isp_pricelist_id
        price = product.lst_price
        if pricelist:
            # Rules hold moments: the day begins at the company's midnight.
            price = pricelist.with_company(company)._get_product_price(
                product, 1.0, currency=self.currency_id, date=company._isp_to_utc(day)
            )
        # A share of a price may be no amount of money; what is multiplied and taken
        # back later is what stands on the invoice.
        return self.currency_id.round(price)

    # === TOTALS: what is shown before is what is posted === #

    def _get_items_total(self, items):
        """Return what items come to on a document, taxes included.

        :param list items: dicts of values, as `_prepare_period_items` gives them
        """
        self.ensure_one()
        return self.currency_id.round(sum(self._get_item_total(item) for item in items))

    def _get_item_total(self, item):
        product = self.env["product.product"].browse(item["product_id"])
        taxes = self._get_item_taxes(product, item.get("date_start"))
        quantity = item.get("quantity", 1.0)
        if not taxes:
            return self.currency_id.round(item["amount"] * quantity)
        return taxes.compute_all(
            item["amount"],
            currency=self.currency_id,
            quantity=quantity,
            product=product,
            partner=self.contract_id.payer_id or self.partner_id,
            # As lines of a contract are rounded when they are posted.
            rounding_method="round_per_line",
        )["total_included"]

    def _get_item_taxes(self, product, day):
        """Return the taxes of a product on this line's documents."""
        company = self.company_id
        return product._isp_get_taxes_on(
            day or company._isp_today(), company, self.contract_id.fiscal_position_id
        )
