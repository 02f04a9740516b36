"""A small model with random weights, and a folder of the user's models of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.Library.model_folder import write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "random")


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(folder))
    return folder
