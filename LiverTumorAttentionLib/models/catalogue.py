"""Which models there are: those that ship with the library, and those that the user added."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from LiverTumorAttentionLib.errors import ModelError, OutputError
from LiverTumorAttentionLib.models.package import DESCRIPTION_FILE, ModelPackage
from LiverTumorAttentionLib.strict import nearest

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
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "liver-tumor-attention" / "models"


def list_models() -> list[ModelPackage]:
    """Return all models that can be read, the bundled ones first. A damaged one is left out."""
    packages: list[ModelPackage] = []
    for folder in (BUNDLED_FOLDER, user_model_folder()):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.name.startswith(".") or not (path / DESCRIPTION_FILE).is_file():
                continue
            try:
                packages.append(ModelPackage(path))
            except ModelError:
                continue
    return packages


def find_model(name_or_path: str) -> ModelPackage:
    """Return the model of that id, or the one at that path. Raises `ModelError` with the nearest names."""
    path = Path(name_or_path).expanduser()
    for folder in (BUNDLED_FOLDER, user_model_folder()):
        if path.name == name_or_path and (folder / name_or_path / DESCRIPTION_FILE).is_file():
            return ModelPackage(folder / name_or_path)
    if path.exists():
        return ModelPackage(path)
    known = [package.description.id for package in list_models()]
    raise ModelError(
        f"unknown model {name_or_path!r}{nearest(name_or_path, known)}; "
        "give the id of an installed model or the path of a model folder or zip"
    )


def add_model(path: Path) -> ModelPackage:
    """Copy a model folder or zip into the user's models, after verifying it. Returns the copy.

    Raises `ModelError` when it is damaged or one of that id is there already, `OutputError` when the user's
    folder cannot be written. An interrupted call leaves nothing behind.
    """
    source = ModelPackage(path)
    source.verify()
    folder = user_model_folder()
    target = folder / source.description.id
    if target.exists() or (BUNDLED_FOLDER / source.description.id).exists():
        raise ModelError(
            f"a model {source.description.id!r} is installed already: "
            "remove it first, or give the new one another id"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=folder) as temporary:
            fresh = Path(temporary) / source.description.id
            fresh.mkdir()
            for name in source.files():
                (fresh / name).write_bytes(source.read(name))
            shutil.move(str(fresh), target)
    except OSError as error:
        raise OutputError(
            f"the model cannot be copied to {folder}: {error.strerror}: free some space or set "
            f"{FOLDER_VARIABLE} to a folder that can be written"
        ) from error
    return ModelPackage(target)
