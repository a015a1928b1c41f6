"""Developer commands; `make help` lists those that have a target."""

import os
import sys

from . import (
    account_tests,
    demo,
    linting,
    odoo,
    postgres,
    services,
    system,
    testing,
)
from .state import SetupError, demo_db, main_guard, pg_environment, say


def cmd_setup(_arguments):
    """Get Odoo, its Python packages, PostgreSQL and the template database."""
    odoo.prepare()
    system.need("pdf")
    postgres.base_template()
    print("\n".join(odoo.describe()))


def cmd_odoo(arguments):
    """odoo -- ARGUMENTS: run odoo-bin with this checkout's configuration."""
    odoo.prepare()
    postgres.start()
    return odoo.call([a for a in arguments if a != "--"])


def cmd_newdb(arguments):
    """newdb NAME [--demo]: a database from the template; an old one is dropped.

    With --demo, our demo data can be loaded into it (`-i … --with-demo`).
    """
    demo = "--demo" in arguments
    name = _one([a for a in arguments if a != "--demo"], "newdb NAME [--demo]")
    odoo.prepare()
    postgres.copy(postgres.base_template(), name)
    if demo:
        postgres.allow_demo(name)
    say(f"Database {name} is ready")


def cmd_pytest(arguments):
    """pytest -- ARGUMENTS: plain Python tests of tools/, without Odoo."""
    odoo.prepare()
    postgres.start()
    return testing.pytest([a for a in arguments if a != "--"]).returncode


def cmd_test(arguments):
    """test [TAGS]: every runner; the last line is `N passed, M failed`."""
    return testing.main(" ".join(arguments))


def cmd_test_account(arguments):
    """test_account [plain]: Odoo's own accounting tests under the ledger's rules."""
    return account_tests.main("plain" in arguments)


def cmd_lint(_arguments):
    """lint: ruff, pylint-odoo, oca-checks, XML."""
    return linting.main()


def cmd_demo(_arguments):
    """demo: everything running, and the main job played for the eye."""
    return demo.main()


def cmd_stop(_arguments):
    """stop: end what the other commands have started."""
    return demo.stop()


def cmd_bench(arguments):
    """bench [NAME]: measurements of bench/; the last line of each is JSON."""
    return services.bench(arguments)


def cmd_dropdb(arguments):
    """dropdb NAME: drop a database and its files."""
    postgres.start()
    postgres.drop(_one(arguments, "dropdb NAME"))


def cmd_psql(arguments):
    """psql DATABASE …: PostgreSQL's own shell."""
    if not arguments:
        raise SetupError("Usage: python3 -m dev psql DATABASE [psql arguments]")
    postgres.start()
    variables = {**os.environ, **pg_environment()}
    psql = str(postgres.program("psql"))
    sys.stdout.flush()
    os.execve(psql, [psql, "-X", "-d", *arguments], variables)


def cmd_postgres(_arguments):
    """postgres: start the private PostgreSQL."""
    postgres.start()
    say(" ".join(f"{key}={value}" for key, value in pg_environment().items()))


def cmd_shell(arguments):
    """shell [DATABASE]: Odoo's Python shell."""
    odoo.prepare()
    postgres.start()
    return odoo.call(["shell", "-d", *(arguments or [demo_db()]), "--no-http"])


def _one(arguments, usage):
    if len(arguments) != 1:
        raise SetupError(f"Usage: python3 -m dev {usage}")
    return arguments[0]


def main():
    commands = {
        name[4:]: function
        for name, function in globals().items()
        if name.startswith("cmd_")
    }
    name, *arguments = sys.argv[1:] or ["help"]
    if name not in commands:
        print("python3 -m dev COMMAND …")
        for key, function in commands.items():
            print(f"  {key:10} {function.__doc__.splitlines()[0]}")
        return 0 if name == "help" else 2
    return commands[name](arguments) or 0


if __name__ == "__main__":
    sys.exit(main_guard(main))
