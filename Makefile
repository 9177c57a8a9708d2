# `make` alone lists the targets. On a fresh Debian 12, as root, each installs what it lacks.
.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-kernel test-deb test-openwrt lint format bench fuzz soak docs wheel deb openwrt-size clean

PYTHON := .venv/bin/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## show routerd's main job in a network of namespaces (root)
	@scripts/setup demo
	@$(PYTHON) -m routerd lab demo

test: lint ## lint, then run all tests; those of the network need root
	@$(PYTHON) -m pytest -n 2 --dist worksteal --durations=5 --durations-min=0.1

test-long: ## kill routerd under load, 50 times for each way to store leases; trials; RIP; DHCP's models: about a quarter of an hour (root)
	@scripts/setup test
	@$(PYTHON) -m pytest tests/long -n 2 -rP -o python_files='long_*.py'
	@$(PYTHON) -m pytest tests -n 2 -m long
	@timeout --foreground 900 $(PYTHON) -m pytest -n 2 --hypothesis-profile=long tests/dhcp/test_*model.py tests/dhcp/test_properties.py

test-kernel: ## run tests on Debian's kernel, emulated: its WireGuard, the example network, nftables; and cut its power
	@scripts/setup kernel
	@$(PYTHON) -m tests.kernel
	@$(PYTHON) -m tests.kernel.power

test-deb: ## install, upgrade, remove and purge the Debian package in a Debian; pipx and uv: about three minutes (root)
	@scripts/setup deb
	@$(PYTHON) -m pytest tests/deb -n 2 -rP -o python_files='deb_*.py'

test-openwrt: ## run the rpcd plugin under ucode, which must be there: on the PATH, or where ROUTERD_UCODE says (root)
	@scripts/setup test
	@$(PYTHON) -m pytest tests/openwrt -o python_files='openwrt_*.py'

lint: ## ruff and mypy
	@scripts/setup test
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy

format: ## let ruff format and sort the code
	@scripts/setup test
	@$(PYTHON) -m ruff check --fix-only --quiet
	@$(PYTHON) -m ruff format

bench: ## measure start, memory, delays, and DHCP beside Kea and dnsmasq (root)
	@scripts/setup bench
	@$(PYTHON) -m tests.bench

fuzz: ## five minutes of damaged DHCP and RIP messages; each crash becomes a test case (SECONDS=60 for one minute)
	@scripts/setup test
	@$(PYTHON) -m tests.fuzz $(SECONDS)

soak: ## ten minutes of clients, a flapping peer and reloads; nothing may grow (root)
	@scripts/setup bench
	@$(PYTHON) -m tests.soak $(SECONDS)

docs: ## write manual pages, completion and the JSON schema to build/share, the page in docs/, and LuCI's settings
	@scripts/setup demo
	@$(PYTHON) -m routerd.docs build/share
	@cp build/share/doc/routerd/when-it-does-not-work.md docs/
	@$(PYTHON) openwrt/luci-app-routerd/update.py

wheel: ## build the wheel, for pipx and uv: dist/routerd-VERSION-py3-none-any.whl
	@scripts/setup demo
	@rm -f dist/routerd-*.whl
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || stat -c %Y pyproject.toml) \
		$(PYTHON) -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/routerd-*.whl

deb: wheel ## build the Debian package: build/routerd_VERSION_all.deb
	@PYTHON=$(PYTHON) packaging/deb/build dist/routerd-*.whl build

openwrt-size: ## measure the packages for OpenWrt: flash, memory, and what a day writes to flash (root, for memory)
	@scripts/setup test
	@$(PYTHON) -m tests.openwrt.size
	@$(PYTHON) -m tests.openwrt.flash

clean: ## remove caches and build output; .venv stays
	@rm -rf .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find routerd tests -name __pycache__ -prune -exec rm -rf {} +
