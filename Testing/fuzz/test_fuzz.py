"""A small share of the campaign, and that the campaign sees what it watches for."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from Testing.fuzz import blind, structured
from Testing.fuzz.campaign import run_campaign
from Testing.fuzz.inputs import FuzzInput
from Testing.fuzz.samples import make_samples
from Testing.fuzz.targets import TARGETS

posix = pytest.mark.skipif(sys.platform != "linux", reason="the limits and the counts of memory are Linux's")
INPUTS = 150


@posix
def test_a_share_of_the_campaign() -> None:
    outcomes = list(run_campaign(range(INPUTS), seed=1))
    assert [outcome for outcome in outcomes if outcome["outcome"] == "finding"] == []
    kinds = {outcome["outcome"] for outcome in outcomes}
    assert kinds == {"accepted", "refused"}


def test_the_good_inputs_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    (tmp_path / "made").mkdir()
    samples = make_samples(tmp_path / "made")
    assert samples.keys() == TARGETS.keys()
    for name, listed in samples.items():
        for number, sample in enumerate(listed):
            folder, output = tmp_path / name / str(number), tmp_path / name / f"{number}-output"
            output.mkdir(parents=True)
            FuzzInput(target=name, files=sample.files, main=sample.main, told="").write(folder)
            told = ACCEPTED_IN_PART.get((name, sample.main))
            with pytest.raises(LiverTumorAttentionError, match=told) if told else nullcontext():
                TARGETS[name].read(folder, folder / sample.main if sample.main else folder, output)


ACCEPTED_IN_PART = {
    ("segmentation", "s.seg.nrrd"): "has no vessel",
    ("segmentation", "s.dcm"): "has no vessel",
    ("training-json", "dataset.json"): "no dataset.json of the Decathlon",
}
"""What some readers of a target rightly refuse."""

PLANTED = """
import os, signal, sys, time
from Testing.fuzz import targets, worker
def planted(folder, main, output):
    what = os.environ["PLANTED"]
    if what == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    if what == "hang":
        while True: pass
    if what == "foreign": [][1]
    if what == "memory": bytearray(2 * worker.MOST_MORE_MEMORY)
    if what == "addresses": bytearray(2 * worker.MOST_MORE_ADDRESSES)
    if what == "outside": open(os.environ["OUTSIDE"], "w").close()
    if what == "home": open(os.path.expanduser("~/left"), "w").close()
    if what == "output": (output / "x").write_text("x")
    if what == "input": next(p for p in folder.rglob("*") if p.is_file()).write_text("x")
for name in targets.TARGETS:
    targets.TARGETS[name] = targets.Target(read=planted)
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let every target of a worker do what the variable PLANTED names."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def _hook(event, arguments):\n"
        "    if event == 'import' and arguments[0] == 'Testing.fuzz.inputs' and not _done:\n"
        "        _done.append(1)\n"
        f"        exec({PLANTED!r}, {{}})\n"
        "_done = []\n"
        "if 'PLANTED' in os.environ: sys.addaudithook(_hook)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setattr("Testing.fuzz.campaign.HANG_S", 5.0)
    monkeypatch.setenv("OUTSIDE", str(tmp_path / "outside"))
    return monkeypatch


@posix
@pytest.mark.parametrize(
    ("what", "finding"),
    [
        ("crash", "the process died: SIGSEGV"),
        ("hang", "hangs"),
        ("foreign", "IndexError at <string>:"),
        ("memory", "MiB more memory"),
        ("addresses", "MemoryError"),
        ("outside", "writes outside: open"),
        ("home", "left behind"),
        ("output", "a reader wrote x"),
        ("input", "the input was changed"),
        ("nothing", ""),
    ],
)
def test_what_is_watched_for(planted: pytest.MonkeyPatch, what: str, finding: str) -> None:
    planted.setenv("PLANTED", what)
    (outcome,) = run_campaign([3], seed=0)
    assert outcome.get("finding", "").startswith(finding) or finding in outcome.get("finding", "")
    assert outcome["outcome"] == ("finding" if finding else "accepted")


@pytest.mark.parametrize("seed", range(20))
def test_damage_depends_on_the_seed_alone(seed: int) -> None:
    content = bytes(range(256)) * 4
    first, again = (blind.damage(content, np.random.default_rng(seed)) for _ in range(2))
    assert first == again
    text = b'{"a": [1, 2.5, {"b": "c"}], "d": null}'
    first, again = (structured.json_text(text, np.random.default_rng(seed)) for _ in range(2))
    assert first == again
