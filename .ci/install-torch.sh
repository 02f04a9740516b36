#!/bin/sh
# install-torch.sh PYTHON: install PyTorch for this machine into the environment of PYTHON, saying first what it downloads.
#
# Without an NVIDIA card, Linux gets the CPU build (version "…+cpu"): from pip's own configuration where that offers one,
# else from PyTorch's CPU index, named by CPU_INDEX. Where neither offers one, and on other systems, pip's default
# build is installed, which on Linux brings CUDA along.
set -eu
python=$1
: "${CPU_INDEX=https://download.pytorch.org/whl/cpu}"
version=$(sed -n 's/^torch==//p' constraints.txt)

pip() { "$python" -m pip --disable-pip-version-check --quiet "$@"; }
# Whether pip finds the CPU build with the options given, at most one try and ten seconds of silence.
offered() {
    pip --retries 0 --timeout 10 install --dry-run --no-deps "$@" "torch==$version+cpu" >/dev/null 2>&1
}
install() { pip install --constraint constraints.txt "$@"; }

installed=$("$python" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null || true)
[ "${installed%%+*}" != "$version" ] || exit 0
if [ "$(uname -s)" != Linux ]; then
    echo "Downloads PyTorch $version (about 100 MB) and the library's other packages (about 120 MB)."
    install "torch==$version"
elif [ -e /proc/driver/nvidia ] || nvidia-smi >/dev/null 2>&1; then
    echo "Downloads PyTorch $version for the NVIDIA card, with CUDA (about 3 GB), and the library's other packages (about 120 MB)."
    install "torch==$version"
elif offered; then
    echo "Downloads PyTorch $version for CPU (about 200 MB) and the library's other packages (about 120 MB)."
    install "torch==$version+cpu"
elif [ -n "$CPU_INDEX" ] && offered --index-url "$CPU_INDEX"; then
    echo "Downloads PyTorch $version for CPU (about 200 MB) from $CPU_INDEX and the library's other packages (about 120 MB)."
    install --extra-index-url "$CPU_INDEX" "torch==$version+cpu"
else
    echo "Downloads PyTorch $version with CUDA (about 3 GB; no CPU build is offered here) and the library's other packages (about 120 MB)."
    install "torch==$version"
fi
