"""`liver-tumor-attention models remove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib import cli
from LiverTumorAttentionLib.models import (
    add_model,
)
from Testing.Library.model_folder import write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "random")


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(folder))
    return folder


def test_the_command_removes_and_says_so(
    model: Path, user_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_model(model)
    assert cli.main(["models", "remove", "random"]) == 0
    assert capsys.readouterr().out == f"random was removed from {user_folder}\n"
    assert cli.main(["models", "remove", "demonstration"]) == 2
    assert "cannot be removed: only models that you added can" in capsys.readouterr().err
