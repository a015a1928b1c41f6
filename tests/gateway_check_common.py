from .radius_common import RadiusCommon

TABLES = ("radcheck", "radreply", "radusergroup", "radgroupcheck", "radgroupreply")


class GatewayCheckCommon(RadiusCommon):
    """A gateway that is only watched, and a list of all that is written to it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        query = cls.radius_db.query
        query("CREATE TABLE written (id serial, name text, content text)")
        query(
            """
            CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO written (name, content)
                VALUES (TG_OP || ' ' || TG_TABLE_NAME, COALESCE(NEW, OLD)::text);
                RETURN NULL;
            END $$
            """
        )
        for table in TABLES:
            query(
                f"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION note_write()"
            )

    def setUp(self):
        super().setUp()
        for table in ("radgroupcheck", "radgroupreply", "written"):
            self.radius_db.query(f"DELETE FROM {table}")
        self.watched = self._create_gateway("New tower")

    # === THE GATEWAY'S OWN LOGINS === #

    def _make_foreign(self, login, password="theirs", address=None, group="theirs"):
        """A login that another program made."""
        query = self.radius_db.query
        check = "INSERT INTO radcheck (username, attribute, op, value) VALUES "
        query(check + "(%s, 'Cleartext-Password', ':=', %s)", login, password)
        if address:
            query(
                "INSERT INTO radreply (username, attribute, op, value) "
                "VALUES (%s, 'Framed-IP-Address', ':=', %s)",
                login,
                address,
            )
        if group:
            query(
                "INSERT INTO radusergroup (username, groupname, priority) "
                "VALUES (%s, %s, 5)",
                login,
                group,
            )
        self._forget_written()

    def _forget_written(self):
        self.radius_db.query("DELETE FROM written")

    def _get_written(self):
        rows = self.radius_db.query("SELECT name, content FROM written ORDER BY id")
        return [f"{name} {content}" for name, content in rows]

    def _read_tables(self):
        """Return the content of all tables, without the numbers of rows."""
        found = {}
        for table in TABLES:
            rows = self.radius_db.query(f"SELECT to_jsonb(t) - 'id' FROM {table} t")
            found[table] = sorted(str(row) for (row,) in rows)
        return found

    # === WHAT A PERSON DOES === #

    def _look(self, gateway, kind="audit"):
        """Have a gateway looked at; return the job."""
        getattr(gateway, f"action_{kind}")()
        self._work()
        job = gateway.job_ids[:1]
        self.assertEqual(job.state, "done", job.summary)
        return job

    def _find(self, login, gateway=None):
        return self.env["isp.gateway.finding"].search(
            [("login", "=", login), ("gateway_id", "=", (gateway or self.gateway).id)],
            order="id desc",
            limit=1,
        )

    def _open_wizard(self, gateway, button="action_take_control"):
        action = getattr(gateway, button)()
        return self.env[action["res_model"]].browse(action["res_id"])
