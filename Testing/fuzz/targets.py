"""What reads an input: the library's functions, called as the commands call them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import read_vessels
from LiverTumorAttentionLib.correction import CorrectionCase, CorrectionLog, CorrectionSession, resume
from LiverTumorAttentionLib.correction.prompts import read_prompts
from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.io import (
    collected_warnings,
    read_ct,
    read_instances,
    read_instances_onto,
    read_label_map,
    read_volume,
)
from LiverTumorAttentionLib.io.json_file import read_bytes
from LiverTumorAttentionLib.models import ModelPackage, add_model, survey_models
from LiverTumorAttentionLib.pipeline.refine import read_log
from LiverTumorAttentionLib.pipeline.stages import load_stages
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import read_transform as transform_in
from LiverTumorAttentionLib.report.plan import compute_plan
from LiverTumorAttentionLib.report.run_report import read_run_report
from LiverTumorAttentionLib.report.wanted_plan import read_plan
from Testing.fuzz.samples import corrections, portal_and_case

Read = Callable[[Path, Path, Path], None]
"""Reads an input. First its folder, then the file that is named, then a folder that may be written to."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of input. share: how often it comes, against the others. writes: whether it writes into its folder."""

    read: Read
    share: int = 1
    writes: bool = False


@cache
def _good() -> tuple[sitk.Image, CorrectionCase]:
    return portal_and_case()


@cache
def _corrected() -> CorrectionCase:
    portal, case = _good()
    return CorrectionCase(portal=portal, instances=corrections(case).instances())


def _all(*reads: Callable[[], object]) -> None:
    """Call several readers of one input; one that refuses it does not keep it from the others."""
    refused: LiverTumorAttentionError | None = None
    for read in reads:
        try:
            with collected_warnings():
                read()
        except LiverTumorAttentionError as error:
            refused = error
    if refused is not None:
        raise refused


def volume(folder: Path, main: Path, output: Path) -> None:
    _all(lambda: read_ct(main), lambda: read_volume(main, name="probability"))


def dicom(folder: Path, main: Path, output: Path) -> None:
    _all(lambda: read_ct(folder), lambda: read_ct(folder, series="portal venous"))


def segmentation(folder: Path, main: Path, output: Path) -> None:
    portal, _ = _good()
    _all(
        lambda: read_label_map(main),
        lambda: read_instances(main),
        lambda: read_instances_onto(main, portal),
        lambda: read_vessels(main),
    )


def report(folder: Path, main: Path, output: Path) -> None:
    read_run_report(main).as_dict()


def prompts(folder: Path, main: Path, output: Path) -> None:
    portal, case = _good()
    session = CorrectionSession(case)
    for prompt in read_prompts(read_bytes(main, "prompts"), portal):
        session.do(prompt.action, Progress())
    CorrectionLog.of(session).to_text().encode()


def plan(folder: Path, main: Path, output: Path) -> None:
    _, case = _good()
    compute_plan(read_plan(main), case.instances, None, None, Progress()).as_dict()


def log(folder: Path, main: Path, output: Path) -> None:
    portal, _ = _good()
    corrected = _corrected()

    def resumed() -> None:
        session = resume(corrected, read_log(str(main), "log"))
        CorrectionLog.of(session).to_text().encode()
        session.instances()

    _all(resumed, lambda: read_prompts(read_bytes(main, "prompts"), portal))


def model(folder: Path, main: Path, output: Path) -> None:
    def used() -> None:
        package = ModelPackage(main)
        package.verify()
        load_stages(package, choose_device("cpu"))

    os.environ["LIVER_TUMOR_ATTENTION_MODELS"] = str(output)
    _all(used, lambda: add_model(main), survey_models)


def transform(folder: Path, main: Path, output: Path) -> None:
    from training.data.case import SourceCase
    from training.data.preparation.arterial import read_transform

    if main == folder:
        found = read_transform(folder, SourceCase(name="a", portal=folder / "p.nii", labels=()))
    else:
        found = transform_in(main)
    if found is not None:
        found.TransformPoint((1.0, 2.0, 3.0))


def recipe(folder: Path, main: Path, output: Path) -> None:
    from LiverTumorAttentionLib.networks import build_network
    from training.recipes.recipe import read_recipe, to_values

    read = read_recipe(main)
    to_values(read)
    build_network(read.stage.network, most_parameters=10**7, **read.stage.arguments)


def table(folder: Path, main: Path, output: Path) -> None:
    from training.data.layouts import find_cases
    from training.evaluation.columns import CASE_COLUMNS
    from training.evaluation.score_files import read_rows

    if main == folder:
        find_cases("msd_liver_slices", folder)
    elif main.name == "list.csv":
        find_cases("csv", main)
    else:
        read_rows(main, CASE_COLUMNS)


def training_json(folder: Path, main: Path, output: Path) -> None:
    from training.data.case import PreparedCase
    from training.data.layouts import find_cases
    from training.data.preparation import Manifest
    from training.data.splits import read_splits
    from training.evaluation.lesions import read_lesions
    from training.runs.run_folder import Run

    readers: dict[str, Callable[[], object]] = {
        "run.json": lambda: Run.read(folder),
        "splits.json": lambda: read_splits(main, ["a", "b", "c"]),
        "case.json": lambda: PreparedCase.read(folder),
        "manifest.json": lambda: Manifest.read(folder).cases(),
        "dataset.json": lambda: _all(lambda: find_cases("nnunet", folder), lambda: find_cases("msd", folder)),
        "lesions.json": lambda: read_lesions(main),
    }
    readers[main.name]()


TARGETS: dict[str, Target] = {
    "volume": Target(read=volume, share=6),
    "dicom": Target(read=dicom, share=4),
    "segmentation": Target(read=segmentation, share=4),
    "report": Target(read=report),
    "prompts": Target(read=prompts, share=2),
    "plan": Target(read=plan),
    "log": Target(read=log, share=2),
    "model": Target(read=model, share=3, writes=True),
    "transform": Target(read=transform),
    "recipe": Target(read=recipe, share=2),
    "table": Target(read=table),
    "training-json": Target(read=training_json, share=2),
}
