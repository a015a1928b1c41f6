import contextlib
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged

from ..models import isp_access_claim, isp_access_worker
from .radius_common import Forward, Mute, RadiusCommon
from .servers.process import free_port


@tagged("post_install", "-at_install")
class TestAccessGuardsBreaker(RadiusCommon):
    """What is broken keeps nobody else waiting, and is not asked in vain."""

    def _claim(self, busy=()):
        self.env.cr.flush()
        Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))
        return Access._claim(busy)

    def _create_gateways(self, count, **values):
        """Gateways with a line each that waits to be opened."""
        gateways = self.env["isp.gateway"]
        for index in range(count):
            number = len(gateways.search([]))
            gateway = self._create_gateway(f"G{number}", mode="control", **values)
            line = self._create_line(f"g{number}-{index}", gateway_id=gateway.id)
            self._open(line)
            gateways |= gateway
        return gateways

    def _let_fail(self, gateways):
        gateways.flush_recordset()
        self.env.cr.execute(
            "UPDATE isp_gateway SET fail_count = 2 WHERE id = ANY(%s)", [gateways.ids]
        )
        self.env.invalidate_all()

    def test_five_mute_gateways_of_twenty_delay_none_of_the_others(self):
        with contextlib.ExitStack() as stack:
            healthy = self._create_gateways(15)
            mutes = [stack.enter_context(Mute()) for _index in range(5)]
            for mute in mutes:
                self._create_gateways(1, port=mute.port)
            with patch.object(isp_access_worker, "EXCHANGE_SECONDS", 3.0):
                self._converge()
            self.assertEqual([len(mute.calls) for mute in mutes], [1] * 5)
        rows = self.env["isp.access"].search([("gateway_id", "in", healthy.ids)])
        self.assertEqual(len(rows), 15)
        self.assertEqual(set(rows.mapped("state")), {"applied"})
        self.assertEqual(set(healthy.mapped("state")), {"up"})

    def test_gateways_that_fail_get_their_share_of_threads_and_no_more(self):
        failing = self._create_gateways(isp_access_claim.SUSPECT_THREADS + 4)
        self._let_fail(failing)
        healthy = self._create_gateways(3)
        ids = [task.gateway_id for task in self._claim()]
        self.assertEqual(ids[:3], healthy.ids)
        self.assertEqual(len(ids), 3 + isp_access_claim.SUSPECT_THREADS)
        self.assertFalse(self._claim(busy=ids), "Their share is taken.")
        left = [task.gateway_id for task in self._claim(busy=ids[:-2])]
        self.assertEqual(len(left), 2, "Two of them are done.")

    def test_no_more_gateways_are_claimed_than_there_are_threads(self):
        """One that waits for a thread would use up its time for talking."""
        self._create_gateways(4)
        with patch.object(isp_access_claim, "POOL_SIZE", 3):
            self.assertEqual(len(self._claim()), 3)

    def test_after_an_outage_a_few_are_tried_before_the_rest(self):
        port = free_port()
        self.gateway.write({"port": port, "ip_address": "127.0.0.1"})
        lines = [self._create_line(f"line{index:02}") for index in range(12)]
        for line in lines:
            self._open(line)
        self._converge()
        sizes = []
        original = isp_access_worker.exchange

        def watch(task, *args):
            sizes.append(len(task.entries))
            return original(task, *args)

        with (
            patch.object(isp_access_worker, "exchange", watch),
            Forward(port),
            freeze_time(self.gateway.next_try),
        ):
            self._converge()
        self.assertEqual(sizes, [isp_access_claim.HALF_OPEN_ROWS, 7])
        self.assertTrue(all(self._is_accepted(line.username) for line in lines))

    def test_an_outage_that_lasts_is_asked_with_a_few(self):
        self.gateway.write({"port": free_port(), "ip_address": "127.0.0.1"})
        for index in range(12):
            self._open(self._create_line(f"line{index}"))
        self._converge()
        with freeze_time(self.gateway.next_try):
            [task] = self._claim()
        self.assertEqual(len(task.entries), isp_access_claim.HALF_OPEN_ROWS)

    # === BACK-OFF BY THE KIND OF ERROR === #

    def _refuse_groups(self, times):
        """Let the device refuse a plan's group so many times, rolled back or not."""
        self.radius_db.query(
            f"""
            DELETE FROM radgroupreply WHERE starts_with(groupname, 'isp_plan_');
            CREATE SEQUENCE refusals;
            CREATE FUNCTION refuse_group() RETURNS trigger AS $$ BEGIN
                IF starts_with(NEW.groupname, 'isp_plan_')
                   AND nextval('refusals') <= {times}
                THEN RAISE 'not yet' USING ERRCODE = 'check_violation'; END IF;
                RETURN NEW;
            END $$ LANGUAGE plpgsql;
            CREATE TRIGGER refuse_group BEFORE INSERT ON radgroupreply
                FOR EACH ROW EXECUTE FUNCTION refuse_group();
            """
        )
        self.addCleanup(
            self.radius_db.query,
            "DROP FUNCTION refuse_group CASCADE; DROP SEQUENCE refusals",
        )

    def test_what_lacked_a_group_is_tried_again_at_once(self):
        # Refused with all, then alone.
        self._refuse_groups(2)
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        row = self._get_row(line)
        self.assertEqual((row.state, row.attempts), ("applied", 0))
        self.assertEqual(row.log_ids.mapped("outcome"), ["applied", "error"])
        self.assertTrue(self._is_accepted("mary"))

    def test_what_still_lacks_it_waits_as_any_row_that_is_refused(self):
        self._refuse_groups(1000)
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        row = self._get_row(line)
        self.assertEqual((row.state, row.attempts), ("error", 2))
        self.assertGreater(row.next_try, self._soon(seconds=20))
        with freeze_time(row.next_try):
            self._converge()
        self.assertEqual((row.attempts, row.next_try), (3, False))

    def test_a_gateway_that_does_not_answer_is_asked_ever_less_often(self):
        self.gateway.write({"port": free_port(), "ip_address": "127.0.0.1"})
        self._open(self._create_line("mary"))
        self._converge()
        pauses = []
        for _index in range(7):
            with freeze_time(self.gateway.next_try):
                self._converge()
                pause = self.gateway.next_try - self._soon()
                pauses.append(pause.total_seconds())
        for index, pause in enumerate(pauses):
            expected = min(30 * 2 ** (index + 1), 900)
            self.assertGreaterEqual(pause, expected * 0.8 - 2)
            self.assertLessEqual(pause, expected * 1.2 + 2)

    def test_a_refused_login_to_the_gateway_is_tried_again_after_six_hours(self):
        self.gateway.sudo().username = "nobody_of_that_name"
        self._open(self._create_line("mary"))
        self._converge()
        self.assertEqual(self.gateway.state, "auth_error")
        for hours, count in ((5, 1), (6.1, 2)):
            with freeze_time(self._soon(hours=hours)):
                self._converge()
            self.assertEqual(self.gateway.fail_count, count)
