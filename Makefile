# make demo   the main job on a generated case, set up from nothing in .venv
# make test   everything that is checked before a change goes in; also what .ci/run calls
#             PYTHON=python3.12 runs it on that Python (Slicer's), in .venv-python3.12
# make help   the rest

PYTHON ?= python3
VENV := .venv$(if $(filter python3,$(PYTHON)),,-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
# Of all tests, so that what hangs ends: they take 13 on two quiet cores, three times as many on a machine that others use.
TEST_MINUTES ?= 75
# Of one test, the slowest of which takes a minute or two; one that waits for ever fails.
TEST_SECONDS ?= 600
WORKERS ?= 2
PYTEST_OPTIONS := --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --timeout=$(TEST_SECONDS)

.DEFAULT_GOAL := help
, := ,
.PHONY: help demo test lint pytest system-packages screenshot story evaluation benchmarks benchmark-interaction benchmark-default-path benchmark-metrics benchmark-models benchmark-networks benchmark-registration benchmark-training model model-phantoms model-liver model-tumor model-clicks segments-results study kills cohort-trial server-trial fuzz phases follow-up clean

help:
	@sed -n '1,4s/^# //p' Makefile
	@echo "make lint | pytest | screenshot | story | evaluation | model | segments-results | study | clean"
	@echo "make benchmarks | benchmark-default-path | benchmark-metrics | benchmark-models | benchmark-networks | benchmark-registration | benchmark-training"
	@echo "make benchmark-interaction | kills | cohort-trial | server-trial | fuzz | phases | test-slicer-versions"

# Installed anew whenever the lists change; the mark is touched last, so that an interrupted install is repeated.
$(VENV)/.run: pyproject.toml setup.py constraints.txt .ci/install-torch.sh
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sh .ci/install-torch.sh $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Downloads what the tests need: Qt, VTK and slicer-core, MONAI, linters (about 300 MB)."
	$(PIP) --editable '.[dicom,comparators,training,tensorboard,test]'
	touch $@

$(VENV)/.benchmarks: $(VENV)/.test
	$(PIP) --editable '.[benchmarks]'
	touch $@

$(VENV)/.cluster: $(VENV)/.test
	$(PIP) --editable '.[cluster]'
	touch $@

demo: $(VENV)/.run
	$(BIN)/python -m LiverTumorAttentionLib demo --output demo

test: lint pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: system-packages $(VENV)/.test
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	timeout --kill-after=30 $(TEST_MINUTES)m $(BIN)/python -m pytest $(PYTEST_OPTIONS)

# Library and panel on the versions that Slicer 5.10 ships, without highdicom, which does not run on its pydicom.
# SLICER_PYTHON=.../Base/Python of Slicer's sources runs the panel's tests on Slicer's own Python files.
SLICER_VERSIONS := Testing/bench/slicer-5.10.txt
SLICER_VENV := $(VENV)-slicer
SLICER_TESTS ?= Testing/Library Testing/Slicer

$(SLICER_VENV)/.test: pyproject.toml setup.py constraints.txt $(SLICER_VERSIONS) .ci/install-torch.sh
	test -x $(SLICER_VENV)/bin/python || $(PYTHON) -m venv $(SLICER_VENV)
	@sh .ci/install-torch.sh $(SLICER_VENV)/bin/python
	sed -n 's/==.*/==/p' $(SLICER_VERSIONS) | sed 's/^/^/' | grep -v -i -f - constraints.txt > $(SLICER_VENV)/constraints.txt
	$(SLICER_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --constraint $(SLICER_VENV)/constraints.txt \
		--requirement $(SLICER_VERSIONS) --requirement LiverTumorAttention/Resources/requirements.txt \
		pytest pytest-timeout pytest-xdist pyyaml monai surface-distance slicer-core PySide6-Essentials
	touch $@

.PHONY: test-slicer-versions
test-slicer-versions: system-packages $(SLICER_VENV)/.test
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	PYTHONPATH=$(CURDIR) timeout --kill-after=30 $(TEST_MINUTES)m \
	$(SLICER_VENV)/bin/python -m pytest $(PYTEST_OPTIONS) $(SLICER_TESTS)

# What Qt and Mesa need; installs by itself where it may, and says what to install where it may not.
system-packages:
	sh Testing/bench/install-system-packages.sh

screenshot: system-packages $(VENV)/.test
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m Testing.bench.screenshot Resources/Screenshots/panel.png

# Every step of the panel on a synthetic case as pictures in build/story, some of them for LiverTumorAttention/README.md.
story: system-packages $(VENV)/.test
	rm -rf build/story
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	LIVER_TUMOR_ATTENTION_STORY=build/story $(BIN)/python -m pytest Testing/Slicer/test_story.py Testing/Slicer/test_story_session.py Testing/Slicer/test_story_continued.py
	$(BIN)/python -m Testing.Slicer.story.choose build/story Resources/Screenshots

# The bundled model on what it was never trained on; rows that are there are not made again. Half an hour on two free cores.
# IMPLANT_LIVER: whose liver says where implants lie, so that versions stay comparable (training/results/bundled).
evaluation: $(VENV)/.test
	$(BIN)/python -m training assess --model demonstration --output training/results/bundled $(if $(DATA),--data $(DATA) --implants 4 $(IMPLANT_LIVER:%=--liver-model %))

benchmarks: $(VENV)/.test
	$(BIN)/python -m Testing.benchmarks.end_to_end --output Testing/benchmarks/results

# BEFORE: the commit to compare with. Resumes where it was stopped; 1500 slices take the earlier commit 10 GiB.
BEFORE ?= a218f46
benchmark-default-path: $(VENV)/.test
	$(BIN)/python -m Testing.benchmarks.default_path --before $(BEFORE) --scratch build/default-path --output Testing/benchmarks/results
	$(BIN)/python -m Testing.benchmarks.default_path --before $(BEFORE) --scratch build/default-path --output Testing/benchmarks/results \
	--slices 200 --beside "a busy process"

# Resumes where it was stopped.
CLICK_TRIALS = $(BIN)/python -m Testing.benchmarks.interaction --output Testing/benchmarks/results \
	--click-model LiverTumorAttentionLib/data/clicks
benchmark-interaction: $(VENV)/.test
	$(CLICK_TRIALS) --jobs 2
	$(CLICK_TRIALS) --jobs 2 --size full --phantoms $(shell seq 300 311) --name interaction-full

benchmark-metrics: $(VENV)/.test
	$(BIN)/python -m Testing.benchmarks.metrics --output Testing/benchmarks/results

benchmark-networks: $(VENV)/.test
	$(BIN)/python -m Testing.benchmarks.networks --output Testing/benchmarks/results
	$(BIN)/python -m Testing.benchmarks.spatial_attention --output Testing/benchmarks/results

# Both versions of nnU-Net in an environment of its own, with the CPU build of torch; nothing of it is needed but here.
NNUNET := build/nnunet
$(NNUNET)/.installed: constraints.txt .ci/install-torch.sh
	test -x $(NNUNET)/bin/python || $(PYTHON) -m venv $(NNUNET)
	@sh .ci/install-torch.sh $(NNUNET)/bin/python
	$(NNUNET)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt nnunetv2==2.8.1 nnunet==1.7.1
	touch $@

MODELS = $(BIN)/python -m Testing.benchmarks.models --nnunet-python $(NNUNET)/bin/python --scratch build/models \
	--output Testing/benchmarks/results
benchmark-models: $(VENV)/.test $(NNUNET)/.installed
	$(MODELS)
	$(MODELS) --case 3d_fullres --case "full-size network" --matrix 512 --slices 200 --name models-512
	$(BIN)/python -m Testing.benchmarks.models.sizes --nnunet-python $(NNUNET)/bin/python --scratch build/models \
		--output Testing/benchmarks/results --beside nothing "a busy process"
	$(BIN)/python -m Testing.benchmarks.models.monai --scratch build/models --output Testing/benchmarks/results

# On two cores the peers take an hour, the verdict 12 minutes (two parts side by side), the effect 5.
benchmark-registration: $(VENV)/.test $(VENV)/.benchmarks
	$(BIN)/python -m Testing.benchmarks.registration --large --scratch build/registration
	$(BIN)/python -m Testing.benchmarks.registration.hard_cases --output Testing/benchmarks/results
	$(BIN)/python -m Testing.benchmarks.registration_verdict --output Testing/benchmarks/results
	$(BIN)/python -m Testing.benchmarks.registration_effect --output Testing/benchmarks/results

benchmark-training: $(VENV)/.test
	$(BIN)/python -m Testing.benchmarks.preparation --scratch build/preparation --output Testing/benchmarks/results
	$(BIN)/python -m Testing.benchmarks.loading

# The bundled model, from raw data to $(MODEL)/model; resumes where it was stopped. Hours on two cores, most of it training.
# DATA: folder of the real data (training/README.md); without it, on phantoms alone, or with LABEL_MAPS on painted cases too.
# INITIAL: a model whose weights both stages start from; none draws them.
MODEL ?= build/model
DATA ?=
INITIAL ?=
# A model whose liver stage is taken as it is: the tumor stage alone is trained.
KEEP ?=
# Whose liver the tumor stage trains in: that which is kept, that of the first model, so that both stages may train at once
# (make -j 2), or without one, that of the liver stage just trained.
MASKS ?= $(or $(KEEP),$(INITIAL),$(MODEL)/run-liver)
MODEL_ID ?= bundled
MODEL_VERSION ?= 1
# Folder of what `assess` found of these weights, for their card.
ASSESSMENT ?=
LABEL_MAPS ?= $(if $(DATA),$(DATA)/spl-abdominal-atlas/labels.nrrd:spl $(DATA)/amos-labels/labels.nii.gz:amos)
LIVERS ?= $(if $(DATA),$(DATA)/lits-liver-segments $(DATA)/msd-hepatic-vessels)
PHANTOMS ?= 20
PAINTED ?= 50
IMPLANTED ?= 120
JOBS ?= 2
PHANTOM_OPTIONS ?= --size full --matrix 288
PAINTED_OPTIONS ?=
LIVER_OPTIONS ?=
TUMOR_OPTIONS ?=
# Two rounds of hard negatives: what the tumor stage took for tumors, and is trained on with.
ROUND_OPTIONS ?= --set sampling.hard_share=0.25 --set schedule.epochs=2 --set optimizer.learning_rate=0.0004
# Cases that are searched for them, those without tumors first.
MINED ?= 40
# Cases of the second look: phantoms, and implants in the real volumes that validate. None leaves it out.
LOOK_PHANTOMS ?= $(if $(DATA),16)
LOOK_IMPLANTED ?= $(if $(DATA),32)
# Cases of the second look's network, none of them those that it is fitted on. None leaves the network out.
LOOK_NETWORK_PHANTOMS ?= $(if $(DATA),12)
LOOK_NETWORK_IMPLANTED ?= $(if $(DATA),80)
LOOK_NETWORK_PAINTED ?= $(if $(DATA),60)
LOOK_NETWORK_OPTIONS ?= --epochs 15
# Of a kept stage, where it is run with other pixels than it was trained with, such as --pixels tumor=1.
PIXELS ?=
# Chosen on phantoms 90000 to 90019 for few false lesions; the liver's threshold by `liver-threshold` on slices that may train.
POSTPROCESSING := $(addprefix --postprocessing ,minimum_peak_probability=0.9 minimum_diameter_mm=7 rim_mm=2 \
	border_mm=3 minimum_core_share=0.5 liver_threshold=0.6 liver_denser_hu=80)
TRAINING := $(BIN)/python -m training
SYNTHESIZE = $(TRAINING) synthesize $(LABEL_MAPS:%=--label-map %) $(LIVERS:%=--livers %) --count $(PAINTED) --processes $(JOBS)
PREPARE = $(TRAINING) prepare --processes $(JOBS)
PLAIN = $(PREPARE) --layout plain
MIX := $(if $(DATA),,--set 'sampling.mix={$(if $(LABEL_MAPS),painted: 2$(,) )phantom: 1}')
LIVER = --recipe bundled/liver $(MIX) $(LIVER_OPTIONS)
TUMOR = --recipe bundled/tumor $(MIX) $(TUMOR_OPTIONS)
TO_LIVER = $(LIVER) --output $(MODEL)/prepared-liver
TO_TUMOR = $(TUMOR) --liver-model $(MASKS) --output $(MODEL)/prepared-tumor
TRAIN_TUMOR = $(TRAINING) train $(TUMOR) --prepared $(MODEL)/prepared-tumor
MINE = $(TRAINING) mine --prepared $(MODEL)/prepared-tumor --count $(MINED) --processes $(JOBS)
# Both stages of a kept model, or the runs of those that were trained.
WITHOUT_TRAINING ?=
RUNS := $(if $(WITHOUT_TRAINING),,--run $(if $(KEEP),,$(MODEL)/run-liver) $(MODEL)/run-tumor-2)
EXPORT = $(TRAINING) export $(RUNS) $(KEEP:%=--keep %) $(PIXELS) --id $(MODEL_ID) --version $(MODEL_VERSION) \
	--title "Liver and tumors on CT, bundled model" --card training/export/cards/bundled.yaml \
	--statement "trained on real slices, painted and generated CT, not for clinical use" $(POSTPROCESSING)
LOOK := $(if $(LOOK_PHANTOMS),$(MODEL)/look-phantoms) $(if $(LOOK_IMPLANTED),$(MODEL)/look-implanted)
LOOK_NETWORK := $(if $(LOOK_NETWORK_PHANTOMS),$(MODEL)/network-phantoms) \
	$(if $(LOOK_NETWORK_IMPLANTED),$(MODEL)/network-implanted) $(if $(LOOK_NETWORK_PAINTED),$(MODEL)/network-painted)
LOOK_LIVER := $(or $(KEEP),$(MODEL)/run-liver)
FIRST := $(INITIAL:%=--initial %)

model-phantoms: $(VENV)/.test
	mkdir -p $(MODEL)
	$(TRAINING) phantoms --count $(PHANTOMS) --processes $(JOBS) $(PHANTOM_OPTIONS) --output $(MODEL)/phantoms

model-liver: model-phantoms
	$(PLAIN) --data $(MODEL)/phantoms --fact source=phantom $(TO_LIVER)
ifneq ($(LABEL_MAPS),)
	$(SYNTHESIZE) --in-plane 2 $(PAINTED_OPTIONS) --output $(MODEL)/painted-liver
	$(PLAIN) --data $(MODEL)/painted-liver $(TO_LIVER)
endif
ifneq ($(DATA),)
	$(PREPARE) --layout msd_liver_slices --data $(DATA)/msd-liver-slices $(TO_LIVER)
endif
	$(TRAINING) train $(LIVER) --prepared $(MODEL)/prepared-liver --output $(MODEL)/run-liver $(FIRST)

model-tumor: model-phantoms $(if $(KEEP)$(INITIAL),,model-liver)
	$(PLAIN) --data $(MODEL)/phantoms --fact source=phantom $(TO_TUMOR)
ifneq ($(LABEL_MAPS),)
	$(SYNTHESIZE) --in-plane 1.25 --liver-margin 14 --seed 500 $(PAINTED_OPTIONS) --output $(MODEL)/painted-tumor
	$(PLAIN) --data $(MODEL)/painted-tumor $(TO_TUMOR)
endif
ifneq ($(DATA),)
	$(TRAINING) implant --data $(DATA) --liver-model $(MASKS) --count $(IMPLANTED) --processes $(JOBS) \
		--output $(MODEL)/implanted
	$(PLAIN) --data $(MODEL)/implanted $(TO_TUMOR)
	$(PREPARE) --layout lits_crop --data $(DATA)/lits-117-crop $(TO_TUMOR)
	$(PREPARE) --layout msd_free_slices --data $(DATA)/msd-liver-slices $(TO_TUMOR)
	$(PREPARE) --layout msd_dark_slices --data $(DATA)/msd-liver-slices $(TO_TUMOR)
endif
	$(TRAIN_TUMOR) --output $(MODEL)/run-tumor $(FIRST)
	$(MINE) --model $(MODEL)/run-tumor --output $(MODEL)/hard-1
	$(TRAIN_TUMOR) --output $(MODEL)/run-tumor-1 --initial $(MODEL)/run-tumor --hard-negatives $(MODEL)/hard-1 $(ROUND_OPTIONS)
	$(MINE) --model $(MODEL)/run-tumor-1 --output $(MODEL)/hard-2
	$(TRAIN_TUMOR) --output $(MODEL)/run-tumor-2 --initial $(MODEL)/run-tumor-1 \
		--hard-negatives $(MODEL)/hard-1 $(MODEL)/hard-2 $(ROUND_OPTIONS)

# The second look at what the tumor stage finds, and the model with it.
model: $(if $(WITHOUT_TRAINING),$(VENV)/.test,$(if $(KEEP),,model-liver) model-tumor)
	mkdir -p $(MODEL)
ifneq ($(strip $(LOOK)),)
	test -f $(MODEL)/first/model.json || $(EXPORT) --output $(MODEL)/first
endif
ifneq ($(LOOK_PHANTOMS),)
	$(TRAINING) phantoms --count $(LOOK_PHANTOMS) --seed 90100 --processes $(JOBS) $(PHANTOM_OPTIONS) --output $(MODEL)/look-phantoms
endif
ifneq ($(LOOK_IMPLANTED),)
	$(TRAINING) implant --data $(DATA) --use validation --seed 1000 --liver-model $(LOOK_LIVER) \
		--count $(LOOK_IMPLANTED) --processes $(JOBS) --output $(MODEL)/look-implanted
endif
ifneq ($(LOOK_NETWORK_PHANTOMS),)
	$(TRAINING) phantoms --count $(LOOK_NETWORK_PHANTOMS) --seed 700000 --processes $(JOBS) $(PHANTOM_OPTIONS) \
		--output $(MODEL)/network-phantoms
endif
ifneq ($(LOOK_NETWORK_IMPLANTED),)
	$(TRAINING) implant --data $(DATA) --seed 20000 --liver-model $(LOOK_LIVER) --count $(LOOK_NETWORK_IMPLANTED) \
		--processes $(JOBS) --output $(MODEL)/network-implanted
endif
ifneq ($(LOOK_NETWORK_PAINTED),)
	$(TRAINING) synthesize $(LABEL_MAPS:%=--label-map %) $(LIVERS:%=--livers %) --count $(LOOK_NETWORK_PAINTED) --seed 5000 \
		--in-plane 1.25 --liver-margin 14 --processes $(JOBS) --output $(MODEL)/network-painted
endif
ifneq ($(strip $(LOOK)),)
	$(TRAINING) candidates --model $(MODEL)/first --cohort $(LOOK) --output $(MODEL)/second-look --processes $(JOBS) \
		$(if $(strip $(LOOK_NETWORK)),--network-cohort $(LOOK_NETWORK) $(LOOK_NETWORK_OPTIONS))
endif
	test -f $(MODEL)/model/model.json || $(EXPORT) --output $(MODEL)/model \
		$(if $(strip $(LOOK)),--candidates $(MODEL)/second-look/candidates.json) \
		$(ASSESSMENT:%=--assessment %)

# The network that improves answers to clicks, from cohorts of its own to $(MODEL)/clicks; resumes where it was stopped.
# Two hours on two cores; DATA as for `make model`.
CLICKS_OPTIONS ?=
CLICK_PHANTOMS ?= 200
CLICK_IMPLANTED ?= 90
CLICK_PAINTED ?= 40
CLICKS = --recipe bundled/interaction $(CLICKS_OPTIONS)
TO_CLICKS = $(PLAIN) $(CLICKS) --output $(MODEL)/prepared-clicks

model-clicks: $(VENV)/.test
	mkdir -p $(MODEL)
	$(TRAINING) phantoms --count $(CLICK_PHANTOMS) --seed 500000 --processes $(JOBS) --output $(MODEL)/click-phantoms
	$(TO_CLICKS) --data $(MODEL)/click-phantoms --fact source=phantom
ifneq ($(DATA),)
	$(TRAINING) implant --data $(DATA) --liver-model demonstration --count $(CLICK_IMPLANTED) --seed 7000 --lesion-share 1.0 \
		--processes $(JOBS) --output $(MODEL)/click-implanted
	$(TO_CLICKS) --data $(MODEL)/click-implanted --fact source=implanted
	$(TRAINING) synthesize $(LABEL_MAPS:%=--label-map %) $(LIVERS:%=--livers %) --count $(CLICK_PAINTED) --seed 800 \
		--in-plane 1.25 --liver-margin 14 --processes $(JOBS) --output $(MODEL)/click-painted
	$(TO_CLICKS) --data $(MODEL)/click-painted --fact source=painted
endif
	$(TRAINING) clicks $(CLICKS) --prepared $(MODEL)/prepared-clicks --processes $(JOBS)
	$(TRAINING) train $(CLICKS) --prepared $(MODEL)/prepared-clicks --output $(MODEL)/run-clicks --threads 1
	test -f $(MODEL)/clicks/model.json || $(TRAINING) export --run $(MODEL)/run-clicks --output $(MODEL)/clicks --id clicks \
		--title "Improves clicks on lesions" --card training/export/cards/clicks.yaml \
		--statement "trained on generated lesions, also implanted in real CT, not for clinical use"

# The model of Couinaud segments that ships, on the livers that it never saw; DATA as for `make model`.
segments-results: $(VENV)/.test
	$(BIN)/python -m training segments --data $(or $(DATA),../shared/data) --assess training/results/segments

# Hours on two cores; resumes where it was stopped.
study: $(VENV)/.test
	$(BIN)/python -m training.study prepare --jobs 2 $(if $(DATA),--data $(DATA))
	$(BIN)/python -m training.study train --jobs 2
	$(BIN)/python -m training.study evaluate --jobs 2
	$(BIN)/python -m training.study figures
	$(BIN)/python -m training.study report

# A quarter of an hour on two cores: commands are interrupted at random times, and what they leave is read.
KILLS ?= 126
kills: $(VENV)/.test
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	$(BIN)/python -m Testing.trials.kills --kills $(KILLS) --output Testing/trials/results

# Tiny generated cases and a stub in place of the networks: schedule, tables, memory; kills; Ray beside the pool.
# On two free cores 10,000 cases take minutes, 500 kills half an hour. BESIDE: what else the machine does.
COHORT_CASES ?= 10000
COHORT_KILLS ?= 500
BESIDE ?= nothing else
COHORT = $(BIN)/python -m Testing.trials.cohort --beside "$(BESIDE)" --output Testing/trials/results
cohort-trial: $(VENV)/.cluster
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 $(COHORT) many --cases $(COHORT_CASES)
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 $(COHORT) kills --kills $(COHORT_KILLS)
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 $(COHORT) engines --cases 20

# A minute on two free cores: the overview page of 3, 40 and 2,000 generated cases in a Chromium; pictures in build/overview.
BROWSER ?= /usr/bin/chromium
.PHONY: overview-trial
overview-trial: $(VENV)/.cluster
	$(PIP) playwright
	$(BIN)/python -m Testing.trials.overview --cases 3 40 2000 --browser $(BROWSER) --pictures build/overview \
		--beside "$(BESIDE)" --output Testing/trials/results

# A minute on two free cores: a server under load of clients whose connections are cut, a stub in place of the networks.
SERVER_CLIENTS ?= 20
server-trial: $(VENV)/.test
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	$(BIN)/python -m Testing.trials.server_load --clients $(SERVER_CLIENTS) --beside "$(BESIDE)" --output Testing/trials/results

# Minutes on a free core: which contrast phase is recognized, over generated and real volumes.
PATIENTS ?= 20
phases: $(VENV)/.test
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	$(BIN)/python -m Testing.trials.phases --patients $(PATIENTS) --data $(or $(DATA),../shared/data) \
		--scratch build/phases --output Testing/trials/results

# A quarter of an hour on a free core: which pairs of lesions are found over two generated time points.
FOLLOWED ?= 16
follow-up: $(VENV)/.test
	OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
	$(BIN)/python -m Testing.trials.follow_up --patients $(FOLLOWED) --scratch build/follow-up \
		--output Testing/trials/results

# Minutes on a free core: damaged volumes, DICOM, segmentations, JSON, models, logs, transforms, recipes and lists.
FUZZ_INPUTS ?= 5000
fuzz: $(VENV)/.test
	$(BIN)/python -m Testing.fuzz --inputs $(FUZZ_INPUTS) --seed 1 --output Testing/fuzz/results

clean:
	rm -rf .venv .venv-* demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache
