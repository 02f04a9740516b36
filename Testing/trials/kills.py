"""Kills at random times: every result of a killed run is whole or absent, and the next run works.

    python -m Testing.trials.kills --kills 126 --seed 1 --output Testing/trials/results

Every command runs again and again in one folder, so that each run finds what the killed ones before it left. Half of
the signals come at a random time of the whole run, half within 60 ms of its first temporary file. SIGKILL, SIGTERM,
SIGINT, two SIGINT and SIGHUP take turns. After each, everything that has a final name is read to its end; after all
but SIGKILL the exit code must be 130 (or 0 where the run was faster), with one line on stderr and no temporary file
left. A signal that comes while the interpreter itself starts, before the program's first line, ends it as the system
does: that is counted as "before it began", where nothing was said and nothing is left. Then each command runs once
undisturbed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.models.catalogue import BUNDLED_FOLDER, DEFAULT_MODEL
from Testing.Library.model_folder import change_description

LIBRARY, TRAINING = "LiverTumorAttentionLib", "training"
SIGNALS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("SIGKILL", (signal.SIGKILL,)),
    ("SIGTERM", (signal.SIGTERM,)),
    ("SIGINT", (signal.SIGINT,)),
    ("two SIGINT", (signal.SIGINT, signal.SIGINT)),
    ("SIGHUP", (signal.SIGHUP,)),
)
AFTER_WRITING_BEGAN_S = 0.06
EARLIEST_S = 0.15
"""Before that, the interpreter itself has not come to the program's first line."""
POLL_S = 0.0005
LONGEST_RUN_S = 300
LONGEST_END_S = 60


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One command, the folder that it writes to, and what it must write."""

    name: str
    program: str
    arguments: tuple[str, ...]
    folder: Path
    results: tuple[str, ...]
    together: bool = True
    """Whether all results appear together."""


def trials(scratch: Path) -> list[Trial]:
    """Make the inputs of all commands and return their trials."""
    case, model = scratch / "case", scratch / "model"
    run_once(LIBRARY, ("phantom", "--seed", "7", "--size", "small", "--output", str(case)))
    shutil.copytree(BUNDLED_FOLDER / DEFAULT_MODEL, model)
    change_description(model, lambda values: values.update(id="copy"))
    (scratch / "prompts.json").write_text('{"units": "voxel", "add": [[60, 80, 20]]}', encoding="utf-8")
    portal, labels = (
        ("--portal", str(case / "portal.nii.gz")),
        ("--segmentation", str(case / "labels.nii.gz")),
    )

    def trial(name: str, *arguments: str, results: tuple[str, ...], options: tuple[str, ...] = ()) -> Trial:
        folder = scratch / name
        folder.mkdir()
        named = [
            word for pair in zip(options, results, strict=True) for word in (pair[0], str(folder / pair[1]))
        ]
        return Trial(
            name=name, program=LIBRARY, arguments=(name, *arguments, *named), folder=folder, results=results
        )

    quiet = ("--progress", "none")
    found = [
        trial(
            "segment", *quiet, *portal,
            options=("--output", "--table", "--report", "--save-probability"),
            results=("s.seg.nrrd", "t.csv", "r.json", "p.nii.gz"),
        ),
        trial(
            "register", *quiet, "--fixed", portal[1], "--moving", str(case / "arterial.nii.gz"),
            options=("--output", "--transform", "--report"), results=("a.nrrd", "t.tfm", "r.json"),
        ),
        trial(
            "refine", *quiet, *portal, *labels, "--prompts", str(scratch / "prompts.json"),
            options=("--output", "--log"), results=("c.seg.nrrd", "l.json"),
        ),
        trial(
            "review", *quiet, *portal, *labels,
            options=("--output", "--csv", "--json"), results=("o.html", "o.csv", "o.json"),
        ),
        Trial(
            name="export-training", program=LIBRARY, folder=scratch / "cases",
            arguments=(
                "export-training", *quiet, *portal, *labels, "--arterial", str(case / "arterial.nii.gz"),
                "--name", "one", "--output", str(scratch / "cases"),
            ),
            results=tuple(f"one/{n}" for n in ("portal.nii.gz", "labels.nii.gz", "arterial.nii.gz", "case.json")),
        ),
        Trial(
            name="models add", program=LIBRARY, arguments=("models", "add", str(model)),
            folder=scratch / "models", results=("copy/model.json", "copy/liver.safetensors", "copy/tumor.safetensors"),
        ),
        training_trial(scratch),
    ]  # fmt: skip
    os.environ["LIVER_TUMOR_ATTENTION_MODELS"] = str(scratch / "models")
    return found


def training_trial(scratch: Path) -> Trial:
    """Prepare four small cases and return the trial of their training."""
    from Testing.Training.abdomen import make_abdomen
    from Testing.Training.commands.test_train import RECIPE, write_recipe
    from Testing.Training.data.preparation.data_set import write_source

    for seed, name in enumerate("abcd"):
        write_source(scratch / "data", name, *make_abdomen(seed))
    recipe = str(write_recipe(scratch / "recipe.yaml", RECIPE))
    data = ("--layout", "plain", "--data", str(scratch / "data"), "--processes", "1")
    prepared = str(scratch / "prepared")
    run_once(TRAINING, ("prepare", *data, "--recipe", recipe, "--output", prepared))
    arguments = ("train", "--recipe", recipe, "--prepared", prepared, "--device", "cpu")
    return Trial(
        name="train",
        program=TRAINING,
        arguments=(*arguments, "--output", str(scratch / "run")),
        folder=scratch / "run",
        results=("run.json", "checkpoint.safetensors", "best.safetensors"),
        together=False,
    )


def start(program: str, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def run_once(program: str, arguments: tuple[str, ...]) -> float:
    """Run a command to its end and return the seconds that it took."""
    begun = time.monotonic()
    process = start(program, arguments)
    _, text = process.communicate(timeout=LONGEST_RUN_S)
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {text}")
    return time.monotonic() - begun


def temporary_files(folder: Path) -> set[Path]:
    """Return what has a name of the library's temporary files and folders."""
    hidden = (path for path in folder.rglob(".*"))
    return {
        path for path in hidden if ".part" in path.name or path.name.startswith((".adding-", ".removing-"))
    }


def read_to_its_end(path: Path) -> None:
    """Raise an exception when a file is not whole."""
    name = path.name
    if name.endswith(".safetensors"):
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                file.get_tensor(key)
    elif name.endswith(".json"):
        json.loads(path.read_text(encoding="utf-8"))
    elif name.endswith((".tfm", ".h5")):
        sitk.ReadTransform(str(path))
    elif name.endswith((".csv", ".html")):
        if not path.read_text(encoding="utf-8").endswith("\n"):
            raise ValueError(f"{name} is cut off")
    else:
        if name.endswith(".gz"):
            gzip.decompress(path.read_bytes())
        sitk.ReadImage(str(path))


def damaged(trial: Trial) -> list[str]:
    """Return what is wrong with the results of a trial: a file that is not whole, or one without the others."""
    there = [trial.folder / name for name in trial.results if (trial.folder / name).exists()]
    faults = []
    for path in there:
        try:
            read_to_its_end(path)
        except Exception as error:
            faults.append(f"{path.name}: {error}")
    if trial.together and len(there) not in (0, len(trial.results)):
        faults.append(f"only {len(there)} of {len(trial.results)} results are there")
    return faults


BEFORE_IT_BEGAN = "ended by the signal before it began"


def interrupt(trial: Trial, signals: tuple[int, ...], delay: float, *, at_writing: bool) -> list[str]:
    """Run a trial, send it signals, and return what is wrong then, or `BEFORE_IT_BEGAN` alone.

    delay: seconds after the start; at_writing: after the first temporary file.
    """
    before = temporary_files(trial.folder)
    process = start(trial.program, trial.arguments)
    while at_writing and process.poll() is None and temporary_files(trial.folder) <= before:
        time.sleep(POLL_S)
    time.sleep(delay)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.005)
    try:
        _, text = process.communicate(timeout=LONGEST_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return ["did not end"]
    faults = damaged(trial)
    if signal.SIGKILL not in signals:
        left = temporary_files(trial.folder) - before
        if process.returncode in {-number for number in signals} and not (
            text or left or faults or at_writing
        ):
            return [BEFORE_IT_BEGAN]
        if process.returncode not in (0, 130):
            faults.append(f"exit code {process.returncode}: {text[-300:]}")
        if "Traceback" in text:
            faults.append(f"traceback: {text[-300:]}")
        if left:
            faults.append(f"left {', '.join(sorted(path.name for path in left))}")
    return faults


def forget(trial: Trial, random_numbers: random.Random) -> None:
    """Before half of the runs, take the results of the last one away, so that they must appear anew."""
    if trial.name == "models add" or random_numbers.random() < 0.5:
        if not trial.together:
            shutil.rmtree(trial.folder, ignore_errors=True)
            return
        for name in {name.partition("/")[0] for name in trial.results}:
            place = trial.folder / name
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)


def trial_of_kills(kills: int, seed: int, scratch: Path, only: str | None = None) -> dict[str, object]:
    """Interrupt all commands, or one of them, `kills` times together, and return what was found."""
    random_numbers = random.Random(seed)
    all_trials = [trial for trial in trials(scratch) if only in (None, trial.name)]
    rows: dict[str, dict[str, object]] = {}
    for place, trial in enumerate(all_trials):
        seconds = run_once(trial.program, trial.arguments)
        count = kills // len(all_trials) + (place < kills % len(all_trials))
        faults: list[str] = []
        early = 0
        sent: Counter[str] = Counter()
        for number in range(count):
            name, signals = SIGNALS[number % len(SIGNALS)]
            forget(trial, random_numbers)
            at_writing = number // len(SIGNALS) % 2 == 1
            delay = (
                random_numbers.uniform(0, AFTER_WRITING_BEGAN_S)
                if at_writing
                else (random_numbers.uniform(EARLIEST_S, seconds))
            )
            found = interrupt(trial, signals, delay, at_writing=at_writing)
            sent[name] += 1
            moment = f"{delay:.2f} s {'after its first temporary file' if at_writing else 'after its start'}"
            early += found == [BEFORE_IT_BEGAN]
            faults += [f"{name} {moment}: {text}" for text in found if text != BEFORE_IT_BEGAN]
            print(f"{trial.name}: {name} {moment}: {found or 'whole or absent'}", file=sys.stderr)
        if trial.name == "models add":  # one that is installed is not added again
            forget(trial, random_numbers)
        run_once(trial.program, trial.arguments)
        after = damaged(trial)
        if not all((trial.folder / name).exists() for name in trial.results):
            after.append("results are missing after a run without a signal")
        faults += [f"the next run: {text}" for text in after]
        rows[trial.name] = {
            "interruptions": count,
            "signals": dict(sorted(sent.items())),
            "before_it_began": early,
            "faults": faults,
        }
    return {
        "command": f"python -m Testing.trials.kills --kills {kills} --seed {seed}"
        + (f" --only '{only}'" if only else ""),
        "interruptions": kills,
        "faults": sum(len(row["faults"]) for row in rows.values()),  # type: ignore[misc, arg-type]
        "commands": rows,
    }


def main() -> int:
    """Run the trial and write its result; exit code 1 when there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=126)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="NAME", help="interrupt this command alone, such as 'models add'")
    parser.add_argument("--output", type=Path, help="folder for kills.json, or kills-NAME.json")
    options = parser.parse_args()
    # Under nohup children would inherit a SIGHUP that is ignored, as they are meant to; here it must be heard.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="lta-kills-") as scratch:
        result = trial_of_kills(options.kills, options.seed, Path(scratch), options.only)
    text = json.dumps(result, indent=1)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        name = f"kills-{options.only.replace(' ', '-')}.json" if options.only else "kills.json"
        with replacing(options.output / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if result["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
