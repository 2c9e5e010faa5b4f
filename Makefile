# Needs python3 (3.11 or newer) and make, nothing else. PYTHON names another Python.
# PORT, AGENHOOD_DATA and every other variable reach the programs through the environment.

PYTHON ?= python3
VENV = .venv/bin/python
REQUIREMENTS = @$(PYTHON) -m agenhood.launcher.bootstrap

# What `check --deploy` wants to see in production; nothing is started with it.
PRODUCTION = AGENHOOD_ENV_FILE= AGENHOOD_MODE=production AGENHOOD_ALLOWED_HOSTS=console.example.org \
	AGENHOOD_SECRET_KEY=only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF \
	AGENHOOD_MASTER_KEY=b25seS1mb3ItY2hlY2tzLTAxMjM0NTY3ODktYWJjZGU= \
	DATABASE_URL="postgresql://agenhood_app@/agenhood?host=/nowhere" EMAIL_URL=smtp://mail.example.org:25

.DEFAULT_GOAL = help
.PHONY: help run demo manage test check bench isolation-soak lock

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | while IFS=@ read -r goal text; do \
		printf '%-22s %s\n' "$$goal" "$$text"; done

run: ## Serve the console at http://127.0.0.1:8000 (PORT=…, DEMO=1, AGENHOOD_DATA=…)
	$(REQUIREMENTS) requirements.txt
	@exec $(VENV) -m agenhood.launcher run $(if $(filter-out 0 no false,$(DEMO)),--demo)

demo: ## Add two demo workspaces and four accounts, to a running console too
	$(REQUIREMENTS) requirements.txt
	@exec $(VENV) -m agenhood.launcher demo

manage: ## Run manage.py on the instance's database: make manage ARGS="check_isolation"
	$(REQUIREMENTS) requirements.txt
	@exec $(VENV) -m agenhood.launcher manage $(ARGS)

test: ## Run all checks and all tests
	$(REQUIREMENTS) requirements-dev.txt
	@$(VENV) -m agenhood.launcher.tools_for_tests --install
	@$(MAKE) --no-print-directory check
	$(VENV) -m pytest $(ARGS)
	@$(VENV) -m agenhood.launcher.tools_for_tests

check: ## Lint, format, types, templates, imports, migrations, production settings
	$(REQUIREMENTS) requirements-dev.txt
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	@$(PRODUCTION) $(VENV) -m mypy
	find templates -name '*.html' -exec .venv/bin/djade --check {} +
	.venv/bin/lint-imports
	@$(PRODUCTION) $(VENV) -W "ignore:Got an error checking a consistent migration history" \
		manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(VENV) manage.py check --deploy --fail-level WARNING

bench: ## Measure, and write bench/RESULTS.md and bench/results.json
	$(REQUIREMENTS) requirements-dev.txt
	$(VENV) -m bench $(ARGS)

isolation-soak: ## Run the isolation state machine at length: 5,000 examples
	$(REQUIREMENTS) requirements-dev.txt
	AGENHOOD_SOAK_EXAMPLES=5000 $(VENV) -m pytest tests/isolation/test_state_machine.py $(ARGS)

lock: ## Pin and hash requirements*.in anew
	$(REQUIREMENTS) requirements-dev.txt
	@$(VENV) -m pip install --quiet --disable-pip-version-check uv
	@for name in requirements requirements-dev; do \
		$(VENV) -m uv --quiet pip compile --universal --python-version 3.11 --generate-hashes \
			$$name.in -o $$name.txt || exit 1; done
