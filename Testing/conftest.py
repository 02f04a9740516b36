"""What all tests share: which files start first, and phantoms that are made once a run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom

ROOT = Path(__file__).resolve().parents[1]
SLOW_FILES = (
    "Testing/Slicer/test_story.py",
    "Testing/Training/recipes/test_bundled.py",
    "Testing/Library/pipeline/test_memory_limits.py",
    "Testing/Library/pipeline/test_paper_pipelines.py",
    "Testing/Library/registration/test_register.py",
    "Testing/Library/pipeline/test_segment.py",
    "Testing/Slicer/test_real_child.py",
    "Testing/Slicer/sections/test_dicom_export.py",
    "Testing/Training/test_readme.py",
    "Testing/fuzz/test_fuzz.py",
    "Testing/Library/phantoms/test_phantom.py",
    "Testing/Slicer/test_story_continued.py",
    "Testing/Library/pipeline/test_threads.py",
    "Testing/Library/conversion/test_nnunet_2.py",
    "Testing/Library/pipeline/test_names_in_outputs.py",
    "Testing/Slicer/sections/test_couinaud.py",
    "Testing/Slicer/test_imported_model.py",
)
"""Files that take longest, about in that order: they start first, so that no worker ends long before another."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the slow files start first; the others stay in their order."""
    rank = {ROOT / name: number for number, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """Return a function that gives what `make` returns, made once a run and kept on disk for the other workers.

    Two workers that ask at the same time both make it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(name: str, make: Callable[[], Any]) -> Any:
        kept = folder / f"{name}.pickle"
        if not kept.exists():
            part = base / f"{name}.part"
            part.write_bytes(pickle.dumps(make()))
            part.replace(kept)
        return pickle.loads(kept.read_bytes())  # noqa: S301  this run wrote it

    return get


@pytest.fixture(scope="session")
def two_lesions(made_once: Callable[[str, Callable[[], Any]], Any]) -> Phantom:
    """A generated two-phase case: a metastasis of 40 mm and an FNH of 30 mm that the bundled model finds."""
    settings = {
        "lesion_kinds": ["metastasis", "FNH"],
        "lesion_diameters_mm": [40.0, 30.0],
        "max_displacement_mm": 12.0,
    }
    return made_once("two-lesions", lambda: generate_phantom(31, size="small", lesions=2, **settings))
