# Krypton's commands. `make` is only a front: each target is one command, run in the locked environment.
#   make reproduce          run every notebook, check every number, write build/report.html   (NB=05 runs one)
#   make test               the test suite and the quick profile of every notebook           (LONG=1 adds the long tests)
#   make lab                JupyterLab in the locked environment
#   make student            write notebooks/student/, the copies without solutions
#   make bench              measure speed and memory (alone on the machine)
#   make train              train what is not finished, or STUDY=denoising, STUDY=codec-10000 (ARGS="--list", "--minutes 60", "--data FOLDER")
#   make lock               choose all pinned versions anew
#   make browser            Chromium for the browser test, where it can be installed
# PYTHON=python3.12 chooses the interpreter, TORCH=cpu|cuda the build of torch (default: by whether a GPU is seen).

PYTHON ?= python3
TORCH ?= auto
export PYTHONPATH := $(CURDIR)
export LONG
# Threads that wait sleep (kryptonlib/threads.py says why); here for JupyterLab's kernels, where torch may be imported
# before kryptonlib. Whoever has set one of these variables has decided it.
ifeq ($(OMP_WAIT_POLICY)$(GOMP_SPINCOUNT)$(KMP_BLOCKTIME),)
export OMP_WAIT_POLICY := passive
endif

environment = python=$$($(PYTHON) data_scripts/get_environment.py --torch $(TORCH))
ready = $(environment) && "$$python" -m kryptonlib data
optional = { "$$python" -m kryptonlib data inception || echo "inception_v3-distilled is left out."; }

.PHONY: reproduce test lab student bench train lock browser

reproduce:
	@$(ready) && "$$python" -m kryptonlib run --report $(if $(NB),--only $(NB))

test:
	@$(ready) && { [ -z "$(filter-out 0,$(LONG))" ] || $(optional); } && "$$python" -m pytest --durations=15 $(ARGS)

lab:
	@$(ready) && "$$python" -m jupyter lab --notebook-dir="$(CURDIR)"

student:
	@$(environment) && "$$python" -m kryptonlib student

bench:
	@$(ready) && $(optional) && for file in tests/benchmarks/*.py; do "$$python" $$file || exit 1; done

train:
	@$(environment) && "$$python" -m kryptonlib train $(STUDY) $(ARGS)

lock:
	@$(PYTHON) data_scripts/get_environment.py --lock

browser:
	@$(environment) && "$$python" data_scripts/get_browser.py
