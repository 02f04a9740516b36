"""Catalogue of models: those that ship with the library and those that the user added."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.ending import temporary_folder, uninterrupted
from LiverTumorAttentionLib.errors import ModelError, OutputError
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.package import ModelPackage
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import is_regular

BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "data" / "models"
DEFAULT_MODEL = "demonstration"
FOLDER_VARIABLE = "LIVER_TUMOR_ATTENTION_MODELS"


def user_model_folder() -> Path:
    """Return the folder of the models that the user added.

    The environment variable LIVER_TUMOR_ATTENTION_MODELS names it; without it, it lies in the user's data
    folder (XDG_DATA_HOME, or ~/.local/share). It need not exist.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return expanded(named)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "liver-tumor-attention" / "models"


def expanded(path: str) -> Path:
    """Return a path with `~` and `~name` as the user's home. Raises `ModelError` where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ModelError(
            f"{shown(path)} begins with the home of a user who is not known here: write the whole path"
        ) from error


@dataclass(frozen=True, kw_only=True)
class InstalledModel:
    """One folder that holds a model, readable or not."""

    path: Path
    """The folder."""
    bundled: bool
    """Whether it ships with the library; otherwise the user added it."""
    package: ModelPackage | None
    """The model; None when its description cannot be read."""
    problem: str = ""
    """Why it cannot be read; empty when it can."""


def survey_models() -> list[InstalledModel]:
    """Return everything that is installed, the bundled models first, with the reason where one is damaged.

    Reads descriptions and checks that their files exist; `ModelPackage.verify` compares checksums.
    """
    found: list[InstalledModel] = []
    for folder in (BUNDLED_FOLDER, user_model_folder()):
        bundled = folder == BUNDLED_FOLDER
        for path in _entries(folder):
            if path.name.startswith(".") or not is_regular(path / DESCRIPTION_FILE):
                continue
            package, problem = None, ""
            try:
                package = ModelPackage(path)
                package.size_bytes()
            except ModelError as error:
                problem = str(error)
            found.append(InstalledModel(path=path, bundled=bundled, package=package, problem=problem))
    return found


def list_models() -> list[ModelPackage]:
    """Return all models that can be used, the bundled ones first. A damaged one is left out."""
    return [model.package for model in survey_models() if model.package is not None and not model.problem]


def find_model(name_or_path: str) -> ModelPackage:
    """Return the model of that id, or the one at that path. Raises `ModelError` with the nearest names."""
    path = expanded(name_or_path)
    for folder in (BUNDLED_FOLDER, user_model_folder()):
        if path.name == name_or_path and is_regular(folder / name_or_path / DESCRIPTION_FILE):
            return ModelPackage(folder / name_or_path)
    if _exists(path):
        return ModelPackage(path)
    known = [package.description.id for package in list_models()]
    raise ModelError(
        f"unknown model {shown(name_or_path)}{nearest(name_or_path, known)}; "
        "give the id of an installed model or the path of a model folder or zip"
    )


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder of models; nothing where there is none, or it may not be looked into."""
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def _exists(path: Path) -> bool:
    """Return whether something lies at a path; nothing does where no system takes it, or it may not be looked at."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def add_model(path: Path, progress: Progress | None = None) -> ModelPackage:
    """Copy a model folder or zip into the user's models, after verifying it. Returns the copy.

    Raises `ModelError` when it is damaged or one of that id is there already, `OutputError` when the user's
    folder cannot be written. An interrupted call leaves nothing behind.
    """
    progress = progress or Progress()
    source = ModelPackage(path)
    folder = user_model_folder()
    target = folder / source.description.id
    if target.exists() or (BUNDLED_FOLDER / source.description.id).exists():
        raise _is_installed(source.description.id)
    source.verify(progress.part(0.0, 0.7))
    copying = progress.part(0.7, 1.0, "copying")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder, ".adding-") as temporary:
            fresh = temporary / source.description.id
            fresh.mkdir()
            for number, name in enumerate(source.files()):
                copying.update(number / len(source.files()))
                source.copy(name, fresh / name)
            copying.update(1.0)
            with uninterrupted():
                os.rename(fresh, target)
    except OSError as error:
        if target.exists():  # another run was faster: a folder that holds something is not renamed over
            raise _is_installed(source.description.id) from error
        raise OutputError(
            f"the model cannot be copied to {folder}: {error.strerror}: free some space or set "
            f"{FOLDER_VARIABLE} to a folder that can be written"
        ) from error
    return ModelPackage(target)


def _is_installed(model_id: str) -> ModelError:
    return ModelError(
        f"a model {model_id!r} is installed already: remove it first, or give the new one another id"
    )


def remove_model(model_id: str) -> Path:
    """Delete a model that the user added, damaged or not; return the folder where it was.

    model_id: its id, or the name of its folder among the user's models; they differ only in a folder copied there
    by hand.

    The folder is moved aside first, so that the model is removed atomically. Only a folder of the user's models
    that holds a model is ever deleted. Raises `ModelError` for a bundled model and for an unknown
    one, `OutputError` when the folder cannot be changed.
    """
    added = [model for model in survey_models() if not model.bundled]
    target = next((m.path for m in added if m.path.name == model_id), None) or next(
        (m.path for m in added if m.package is not None and m.package.description.id == model_id), None
    )
    if target is None:
        raise ModelError(_not_removable(model_id, [model.path.name for model in added]))
    try:
        aside = Path(tempfile.mkdtemp(prefix=".removing-", dir=target.parent))
        try:
            os.replace(target, aside / target.name)
        except OSError:
            aside.rmdir()
            raise
    except OSError as error:
        raise OutputError(
            f"the model {model_id!r} cannot be removed from {target.parent}: {error.strerror}: "
            "see whether you may change that folder, and close what uses the model"
        ) from error
    # Files that cannot be deleted stay in the hidden folder; the model is removed all the same. Links are not followed.
    with uninterrupted():
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _not_removable(model_id: str, known: list[str]) -> str:
    if is_regular(BUNDLED_FOLDER / Path(model_id).name / DESCRIPTION_FILE):
        return (
            f"the model {model_id!r} comes with LiverTumorAttention and cannot be removed: "
            "only models that you added can"
        )
    return (
        f"no model {model_id!r} was added{nearest(model_id, known)}; "
        f"`models list` names those in {user_model_folder()}"
    )
