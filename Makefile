# Every command sets up what it needs by itself; `make help` lists them.
PYTHON ?= python3
DEV = @$(PYTHON) -m dev

# Ports and places can be given on the command line or in the environment:
#   make demo ISP_HTTP_PORT=8070 ISP_GEVENT_PORT=8073 ISP_PG_PORT=5462 \
#       ISP_RADIUS_PORT=18121 ISP_RADIUS_ACCT_PORT=18131 MYBIZNA_ISP_HOME=/srv/isp

.DEFAULT_GOAL := help
.PHONY: help demo stop test test-account lint bench shell setup

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo "  make bench-NAME   one measurement: bench/NAME.py"
	@echo "More for developers: $(PYTHON) -m dev help"

demo: ## a provider to look at: http://127.0.0.1:8069, admin / admin
	$(DEV) demo

stop: ## end what the other commands have started
	$(DEV) stop

test: ## all tests; a part: make test TAGS=/mybizna_isp:TestName, TAGS=unit
	$(DEV) test "$(TAGS)"

test-account: ## Odoo's own accounting tests, every customer on a contract; PLAIN=1 without
	$(DEV) test_account $(if $(PLAIN),plain)

lint: ## ruff, pylint-odoo, oca-checks, XML
	$(DEV) lint

bench: ## all measurements; the last line of each is JSON
	$(DEV) bench

bench-%:
	$(DEV) bench $*

shell: ## Odoo's Python shell on the demo's database
	$(DEV) shell

setup: ## only fetch and prepare what is missing
	$(DEV) setup
