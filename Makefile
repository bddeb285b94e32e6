# Every target installs what is missing first (scripts/install.sh: Debian 12 packages) and takes its settings from scripts/env.sh.
SHELL := /bin/bash
GO := scripts/install.sh && source scripts/env.sh && go
TESTFLAGS ?=
LISTEN ?= 127.0.0.1:8080
SOAK ?= 60s
SUITES ?= bookworm trixie
KILLS ?= 20
ONEDNN3 := $(CURDIR)/build/onednn3
CUDA := $(CURDIR)/build/cuda
# Go with the CUDA device, and with the fake CUDA libraries.
GPU := export CUDA_ROOT=$(CUDA); $(GO)
FAKE := export LD_LIBRARY_PATH=$(CUDA)/fake SCALENET_CUDNN=$(CUDA)/cudnn; $(GPU)

.PHONY: build build-cuda release release-check check-onnx demo test test-onednn3 test-cuda test-cuda-operations test-cuda-networks gpu-check ptx test-slow soak soak-mpi formats-check check-label-studio bench lint clean

build:
	@$(GO) build -o bin/scalenet ./cmd/scalenet

# The same program with the CUDA device (--device cuda). Building needs no CUDA installation. Running needs a driver, cuDNN and cuBLAS.
build-cuda:
	@scripts/cuda.sh $(CUDA) headers
	@$(GPU) build -o bin/scalenet-cuda ./cmd/scalenet

# Packages for other systems, in build/release: tar.gz, .deb, Python wheel, SBOM, checksums. OpenCV is built first, once.
release:
	@scripts/release.sh build/release

# The packages in fresh systems (debootstrap, as root) and in a virtual environment: the bytes of the build from source.
release-check: build
	@scripts/install.sh --chroots
	@packaging/try.sh build/release bin/scalenet $(SUITES)

demo: build
	@for need in models/bccd.safetensors models/everyday.safetensors examples; do \
		[ -e $$need ] || { echo "make demo: $$need is not in this checkout" >&2; exit 1; }; \
	done
	bin/scalenet detect --force --model models/bccd.safetensors --out runs/demo 'examples/BloodImage_*.jpg'
	bin/scalenet detect --force --model models/everyday.safetensors --out runs/demo examples/astronaut.jpg examples/camera.jpg examples/coffee.jpg
	@echo "annotated images are in $(CURDIR)/runs/demo; now the server, until Ctrl-C:"
	bin/scalenet serve --model models --listen $(LISTEN)

# Tests use pycocotools (reference of the evaluator), a headless browser (web UI), clients of compatible APIs, ffmpeg and heif-convert.
# Without these, the tests that need them are skipped. Screenshots are in build/screenshots.
test:
	@scripts/install.sh
	@scripts/install.sh --browser || echo "make test: the tests in a browser will be skipped" >&2
	@scripts/npm.sh axe-core@4.14.1 axe.min.js 29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c build/axe || \
		echo "make test: axe-core will not check the pages" >&2
	@scripts/install.sh --mpi || echo "make test: the tests under mpirun will be skipped" >&2
	@scripts/install.sh --media || echo "make test: the tests of videos, HEIC and AVIF will be skipped" >&2
	@scripts/pypi.sh scripts/pycocotools.txt build/pycocotools --no-deps || echo "make test: the comparison with pycocotools will be skipped" >&2
	@scripts/pypi.sh scripts/clients.txt build/clients --no-deps || echo "make test: the tests with clients of other servers will be skipped" >&2
	@$(GO) test $(TESTFLAGS) ./...
	@if scripts/cuda.sh $(CUDA) headers cudnn; then $(MAKE) --no-print-directory test-cuda; \
	else echo "make test: the CUDA device is not tested" >&2; fi

# The CUDA device on fake CUDA libraries: the table of operations, networks and a detector against PyTorch, errors of missing
# libraries, sums over several processes, our descriptors in the real cuDNN, and the test coverage of engine/cuda.
test-cuda:
	@scripts/cuda.sh $(CUDA) headers cudnn
	@engine/cuda/fake/build.sh $(CUDA)
	@engine/cuda/fake/races.sh $(CUDA)
	@$(GPU) vet ./engine/cuda ./collective ./cmd/scalenet
	@$(GPU) build -o bin/scalenet-cuda ./cmd/scalenet
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-cuda-operations test-cuda-networks

test-cuda-operations:
	@$(FAKE) test $(TESTFLAGS) -coverpkg=scalenet/engine/cuda -coverprofile=$(CUDA)/cover.out ./engine/cuda
	@$(GO) tool cover -func=$(CUDA)/cover.out | awk '/^total:/ { print "engine/cuda: " $$3 " of statements covered"; exit !($$3 + 0 >= 90) }'

test-cuda-networks:
	@$(FAKE) test $(TESTFLAGS) -run '^(TestTiny.*|Test.*EqualsTorchvision|Test.*EqualTorchvision|TestWholeGraph.*|TestPendingRuns|TestDevice(Classifies|OfLocalRank|TooSmall)?|Test(Train|Detector)TogetherOnGPUs)$$/^cuda' ./backbone ./detector ./cmd/scalenet
	@$(FAKE) test $(TESTFLAGS) -run '^Test(Detect|Step)Edges$$/./^cuda' ./detector
	@$(FAKE) test $(TESTFLAGS) -run '^Test(DeviceSumIsTheTrees|NoLink|LinkFaults)$$' ./collective

# Exported models in ONNX Runtime and OpenVINO, compared with ours.
check-onnx:
	@scripts/pypi.sh scripts/runtimes.txt build/runtimes
	@$(GO) test -v -timeout 60m -run 'InRuntimes|TestRuntimes' ./export/onnx

# On a machine with a GPU: the same table and networks, precision, and times next to PyTorch (PEERS: a Python with PyTorch for CUDA).
gpu-check: build-cuda
	@export CUDA_ROOT=$(CUDA); source scripts/env.sh && python3 scripts/gpu-check.py --program bin/scalenet-cuda --out runs/gpu-check \
		$(if $(PEERS),--peers $(PEERS))

# Compile the PTX of the kernels, after a change of engine/cuda/kernels.
ptx:
	@scripts/cuda.sh $(CUDA) compiler
	@python3 engine/cuda/kernels/ptx.py $(CUDA)/compiler

# Tests of the oneDNN device with oneDNN 3.x instead of the system's. On a CPU without AVX-512, its loops run with two AVX2 vectors per
# AVX-512 vector.
test-onednn3:
	@scripts/onednn3.sh $(ONEDNN3)
	@export ONEDNN_ROOT=$(ONEDNN3); scripts/install.sh && source scripts/env.sh && \
	{ grep -q avx512bw /proc/cpuinfo || ! grep -q avx2 /proc/cpuinfo || export CGO_CXXFLAGS="$$CGO_CXXFLAGS -DSN_WIDE_ON_AVX2 -Wno-psabi"; } && \
	go test $(TESTFLAGS) ./engine/cpu/...

# What make test has a short case of: published detectors on all pictures, published classifiers in plain Go, every network as a detector's,
# a training until it knows its images by heart.
test-slow:
	@export SCALENET_SLOW=1; $(GO) test $(TESTFLAGS) -count=1 -v -timeout 60m -run '^(TestPublishedBackward|TestPublishedBackbones|TestOverfitFourImages|TestDetectionsEqual.*)$$' \
		./backbone ./detector ./detector/published

# Long tests of the server. Load: overload, reloads, shutdown, and throughput relative to direct detector calls. Storm: random signals,
# valid and invalid model files, and requests, first in synthetic time, then 200 short runs of the program and one of $(SOAK).
soak:
	@export SCALENET_SOAK=$(SOAK); $(GO) test $(TESTFLAGS) -count=1 -v -timeout 30m -run 'Overload|Reload|Drain|Gone|Throughput' ./server
	@export SCALENET_SOAK=$(SOAK); $(GO) test $(TESTFLAGS) -count=1 -v -timeout 30m -run 'TestBinary/^storm$$' ./cmd/scalenet

# Other tools (PyPI, pinned) read the golden files of package results.
formats-check:
	@python3 -m venv build/formats && build/formats/bin/pip install --quiet --disable-pip-version-check -r results/testdata/requirements.txt
	@build/formats/bin/python results/testdata/read.py

# Label Studio itself (PyPI, pinned; its first start takes minutes) with the server as its ML backend: the boxes of /detect.
check-label-studio: build
	@[ -x build/label-studio/bin/label-studio ] || { python3 -m venv build/label-studio && \
		build/label-studio/bin/pip install --quiet --disable-pip-version-check -r scripts/label-studio.txt; }
	@build/label-studio/bin/python scripts/label-studio.py --program bin/scalenet

# Kills a random process of a training of several, KILLS times, and resumes it each time.
soak-mpi:
	@scripts/install.sh --mpi
	@export SCALENET_KILLS=$(KILLS); $(GO) test $(TESTFLAGS) -count=1 -v -timeout 60m -run '^TestKilledRanks$$' ./cmd/scalenet

bench: build
	bin/scalenet bench

lint:
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); \
	[ -z "$$unformatted" ] || { echo "gofmt would change:" >&2; echo "$$unformatted" >&2; exit 1; }
	@$(GO) vet ./...

clean:
	rm -rf bin build runs
