# Gravure. `make serve` runs the appliance, `make test` tests it; both set up what they need.
SHELL := /bin/sh
PY := .venv/bin/python
LISTEN ?=
PEERS ?=
PORT ?=
CONFIG ?=
ROWS ?=

# What the tests need beside Python: foreign peers, readers of what we write, and tools to watch us.
PEER_PACKAGES := dcmtk ctn dicom3tools libgdcm-tools orthanc xorriso genisoimage poppler-utils libarchive-tools \
	libcdio-utils cups-ipp-utils avahi-daemon dbus p7zip-full fuseiso strace ghostscript mupdf-tools util-linux systemd \
	netpbm libtiff-tools cups cups-filters openjph-tools openssl faketime
# A console on dcmjs-dimse; Debian's npm only where no other is there, for they exclude each other.
PEER_PACKAGES += $(if $(shell command -v npm),,nodejs npm)

.PHONY: serve test lint types bench docs install-service lock clean runtime dev

runtime:
	@./tools/setup.sh runtime

dev:
	@./tools/setup.sh dev

serve: runtime
	@$(PY) -m compileall -q appliance printing media
	@LISTEN="$(LISTEN)" PEERS="$(PEERS)" PORT="$(PORT)" CONFIG="$(CONFIG)" ./tools/serve.sh

test: dev
	@./tools/apt.sh $(PEER_PACKAGES) || true
	@$(PY) -m compileall -q appliance printing media
	$(PY) -m pytest -n 2 --dist loadfile $(PYTEST)

lint: dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: dev
	.venv/bin/mypy

bench: dev
	@./tools/apt.sh $(PEER_PACKAGES) || true
	@$(PY) -m compileall -q appliance printing media
	$(PY) -m bench $(ROWS)

docs: dev
	$(PY) tools/docs.py

install-service:
	./tools/install-service.sh

lock:
	./tools/lock.sh

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage
