"""Preparation of one case: read, aligned, resampled to the stage's grid, written to a folder as a whole.

    case.json             what `PreparedCase` reads, the key of the settings, and the case's entry in the manifest
    portal.npy            int16 HU (z, y, x), likewise arterial.npy where there is one
    labels.npy            uint8: 0 background, 1 liver, 2 tumor
    inside.npy            uint8: where the network may see, for stages that mask
    liver-places.npy      int32 (n, 3): voxels of the liver, tumors included; likewise tumor-places.npy
    registration.json     how the arterial volume was aligned, with the verdict
    registration.h5       the transform that registration found, portal to arterial points

Arrays are written plainly, so that they can be read where they lie.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError, OutputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.json_values import load_json
from training.data.case import SourceCase
from training.data.layouts.reading import LoadedCase, read_case
from training.data.preparation.arrays import CaseArrays, case_arrays
from training.data.preparation.arterial import Aligned, align, method_of, write_alignment
from training.data.preparation.entry import DONE, FAILED, Entry
from training.data.preparation.liver import Livers, found_livers, true_livers
from training.data.preparation.plan import Preparation
from training.data.preparation.sources import looked_at, used_files

CASE_FILE = "case.json"
PART = ".part"


def prepare_case(preparation: Preparation, key: str, folder: Path, source: SourceCase) -> Entry:
    """Prepare a case into `folder`/<name>, in place of what is there; return its entry.

    key: of the settings, kept in case.json. What is wrong with the case alone becomes the entry's reason.
    Raises `OutputError` when the folder cannot be written: other cases would fare no better.
    """
    start = time.perf_counter()
    try:
        files = {what: looked_at(path) for what, path in used_files(source, preparation).items()}
        prepared, aligned = _computed(preparation, source)
    except LiverTumorAttentionError as error:
        return Entry(source=source, state=FAILED, reason=str(error))
    except Exception as error:  # one faulty case must not end the others; its traceback is printed
        traceback.print_exc(file=sys.stderr)
        return Entry(
            source=source, state=FAILED, reason=f"preparing it failed ({type(error).__name__}: {error})"
        )
    grade = None if aligned is None else aligned.grade
    seconds = time.perf_counter() - start
    entry = Entry(source=source, state=DONE, files=files, registration=grade, seconds=seconds)
    _write(folder, prepared, aligned, entry, key)
    return entry


def renew(folder: Path, entry: Entry, source: SourceCase, key: str) -> Entry:
    """Write what is now known of a case whose arrays stay: facts, patient, and where its files lie."""
    path = folder / source.name / CASE_FILE
    values = load_json(path)
    changed = replace(entry, source=source)
    values.update(_known(changed, key))
    with replacing(path, name="case") as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return changed


def read_entry(folder: Path, key: str) -> Entry | None:
    """Return the entry that a case's folder holds; None when it is not whole, or was made by other settings."""
    try:
        values = load_json(folder / CASE_FILE)
        return Entry.read(values["entry"]) if values["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clear(folder: Path) -> None:
    """Remove what killed runs left behind."""
    for left in folder.glob(f".*{PART}"):
        shutil.rmtree(left, ignore_errors=True)


def _computed(preparation: Preparation, source: SourceCase) -> tuple[CaseArrays, Aligned | None]:
    if preparation.needs_arterial and source.arterial is None:
        raise InputError("it has no arterial volume: add it, or use a recipe of one phase")
    case = read_case(source, arterial=preparation.two_phase)
    coarse: Livers | None = None
    if preparation.crops or case.arterial is not None:
        coarse = _livers(preparation, case)
    aligned = None
    if case.arterial is not None and coarse is not None:
        aligned = align(
            case.portal,
            case.arterial,
            preparation.registration,
            portal_liver=coarse.portal,
            arterial_liver=coarse.arterial,
            displacement=case.displacement,
        )
    arterial = None if aligned is None else aligned.volume
    liver = coarse.portal if coarse is not None and preparation.crops else None
    return case_arrays(preparation.stage, case.portal, arterial, case.labels, liver), aligned


def _livers(preparation: Preparation, case: LoadedCase) -> Livers:
    """Return the livers that crop, mask and guide the registration."""
    if preparation.liver_model is None:
        return true_livers(case.labels)
    method = method_of(preparation.registration, known=case.displacement is not None)
    to_register = case.arterial if method == "library" else None
    return found_livers(preparation.liver_model, case.portal, to_register)


def _write(folder: Path, prepared: CaseArrays, aligned: Aligned | None, entry: Entry, key: str) -> None:
    """Write a case's folder under another name and move it into place."""
    target = folder / entry.source.name
    part, old = (folder / f".{target.name}.{secrets.token_hex(4)}{PART}" for _ in range(2))
    try:
        part.mkdir(parents=True)
        for name, array in prepared.arrays.items():
            np.save(part / f"{name}.npy", array, allow_pickle=False)
        if aligned is not None:
            write_alignment(part, aligned)
        values = {
            "name": entry.source.name,
            "spacing_mm": prepared.spacing_mm,
            "shape": prepared.arrays["labels"].shape,
            "intensity": prepared.intensity,
            "voxels": prepared.voxels,
            **_known(entry, key),
        }
        (part / CASE_FILE).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        if target.exists():
            os.rename(target, old)
        os.rename(part, target)
    except (OSError, OutputError) as error:
        reason = str(error)
        if isinstance(error, OSError):
            reason = error.strerror or "the disk took only a part of it"  # numpy gives no system error
        raise OutputError(
            f"the case {target.name!r} cannot be written into '{folder}' ({reason.lower()}): free some space or "
            "choose another folder; what is prepared stays"
        ) from error
    finally:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)


def _known(entry: Entry, key: str) -> dict[str, Any]:
    """Return the part of case.json that does not depend on voxels."""
    source = entry.source
    facts = dict(source.facts)
    if entry.registration is not None:
        facts["registration"] = entry.registration
    return {"facts": facts, "patient": source.patient or source.name, "key": key, "entry": entry.values()}
