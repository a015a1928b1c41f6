from odoo.tests import tagged

from ..tools.access_acceptance import FAST
from ..tools.radius_values import OVERLAYS
from .gateway_check_common import GatewayCheckCommon

# Groups shared by all who are ever off or walled; nobody is in them.
GROUPS = ("radgroupcheck", "radgroupreply")


def _is_overlay(row):
    return any(name in row for name in OVERLAYS)


@tagged("post_install", "-at_install")
class TestGatewayAcceptance(GatewayCheckCommon):
    """A canary login is made, changed and removed on a real FreeRADIUS."""

    def _accept(self):
        self.watched.action_acceptance()
        self._work()
        job = self.watched.job_ids[:1]
        self.assertEqual(job.state, "done", job.summary)
        return job

    def _count_left(self):
        """Return how many rows name the canary or its plan."""
        rows = [row for rows in self._read_tables().values() for row in rows]
        return len([row for row in rows if "canary" in row])

    def _on_disable(self, action):
        """Have the gateway's database do something once a canary is switched off."""
        query = self.radius_db.query
        query(
            f"""
            CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {action}; RETURN NEW; END $$
            """
        )
        query(
            "CREATE TRIGGER trip AFTER INSERT ON radusergroup FOR EACH ROW "
            "WHEN (NEW.groupname = 'isp_disabled') EXECUTE FUNCTION trip()"
        )
        self.addCleanup(query, "DROP FUNCTION IF EXISTS trip CASCADE")

    def test_a_gateway_that_works_passes_and_nothing_of_the_canary_is_left(self):
        self._make_foreign("theirs")
        before = self._read_tables()
        job = self._accept()
        self.assertTrue(job.is_passed, job.summary)
        self.assertTrue(self.watched.accepted_at)
        after = self._read_tables()
        for table in after:
            rest = [row for row in after[table] if row not in before[table]]
            self.assertTrue(all(_is_overlay(row) for row in rest), rest)
            self.assertTrue(not rest or table in GROUPS)
            self.assertFalse([row for row in before[table] if row not in after[table]])

    def test_every_step_is_told_in_words(self):
        lines = self._accept().summary.split("\n")
        for text in (
            "Passed: Rights: all that is needed",
            "Passed: Login Made: it reads back at 50 Mbit/s down, 10 up",
            "Passed: Speed Changed: it reads back at 4 Mbit/s down, 1 up",
            "Passed: Switched Off: it is refused",
            "Passed: Clean After: nothing of it is left",
        ):
            self.assertIn(text, lines)

    def test_the_canary_goes_a_way_onto_the_net_that_there_is(self):
        self.package.gateway_id = self.watched
        self.package.access_kind = "none"
        Job = self.env["isp.gateway.job"]
        job = Job.new({"gateway_id": self.watched.id})
        self.assertEqual(job._prepare_acceptance()["service"], "pppoe")
        self._create_package(
            "Hot", 10.0, gateway_id=self.watched.id
        ).access_kind = "hotspot"
        self.assertEqual(job._prepare_acceptance()["service"], "hotspot")

    def test_fifty_down_is_written_as_what_the_subscriber_downloads(self):
        """F13: the router's word is upload first."""
        self.assertEqual((FAST["rate_down"], FAST["rate_up"]), (50 * 10**6, 10 * 10**6))
        self._accept()
        rates = [row for row in self._get_written() if "Mikrotik-Rate-Limit" in row]
        self.assertIn("10M/50M", rates[0])

    def test_a_gateway_that_cant_be_written_fails_before_anything_is(self):
        name = self.radius_db.name
        query = self.radius_db.query
        query(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        self.addCleanup(
            query, f'ALTER DATABASE "{name}" RESET default_transaction_read_only'
        )
        job = self._accept()
        self.assertFalse(job.is_passed)
        self.assertIn("FAILED: Rights: The gateway is read-only", job.summary)
        self.assertFalse(self._get_written())
        self.assertFalse(self.watched.accepted_at)

    def test_a_step_that_fails_is_told_and_the_canary_still_removed(self):
        self._on_disable("RAISE EXCEPTION 'no'")
        job = self._accept()
        self.assertFalse(job.is_passed)
        self.assertIn("FAILED", job.summary)
        self.assertIn("Passed: Clean After", job.summary)
        self.assertFalse(self._count_left())

    def test_what_a_test_cut_in_the_middle_leaves_is_removed_by_the_next(self):
        self._on_disable("PERFORM pg_terminate_backend(pg_backend_pid())")
        job = self._accept()
        self.assertFalse(job.is_passed)
        self.assertTrue(self._count_left())
        self.radius_db.query("DROP FUNCTION trip CASCADE")
        job = self._accept()
        self.assertTrue(job.is_passed, job.summary)
        self.assertIn("cut short is removed", job.summary)
        self.assertFalse(self._count_left())

    def test_a_failed_test_takes_an_earlier_pass_back(self):
        self._accept()
        self._on_disable("RAISE EXCEPTION 'no'")
        self._accept()
        self.assertFalse(self.watched.accepted_at)
