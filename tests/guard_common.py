from .radius_common import RadiusCommon


class GuardCommon(RadiusCommon):
    """A FreeRADIUS that tells what was written to it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.radius_db.count_writes()

    def _get_writes(self):
        """Return the names of what was written on the device since the last call."""
        return self.radius_db.take_writes()

    def _logs(self):
        return self.env["isp.access.log"].search_count([])

    def _accepted(self, lines):
        return {line.username for line in lines if self._is_accepted(line.username)}


class WorkerCommon(GuardCommon):
    """The worker's steps one by one."""

    def setUp(self):
        super().setUp()
        self.Access = self.env["isp.access"].with_user(self.env.ref("base.user_root"))

    def _start(self, login="mary", **values):
        line = self._create_line(login, **values)
        self._open(line)
        self._converge()
        self.assertTrue(self._is_accepted(login))
        return line

    def _claim(self):
        self.env.cr.flush()
        [task] = self.Access._claim()
        return task


class CutsCommon(WorkerCommon):
    """A gateway on which more than three cuts at once are many."""

    def setUp(self):
        super().setUp()
        self.gateway.write({"max_cut_count": 3, "max_cut_percent": 10})

    def _create_lines(self, count, prefix="line", hours=1, **values):
        lines = self.env["isp.connection"]
        for index in range(count):
            line = self._create_line(f"{prefix}{index}", **values)
            self._open(line, hours=hours)
            lines |= line
        return lines

    def _start_many(self, count=5):
        """Lines that are on for a day."""
        lines = self._create_lines(count, hours=24)
        self._converge()
        return lines
