"""`liver-tumor-attention models`: remove, catalogue."""

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


def test_the_catalogue_lists_public_models_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "catalogue"]) == 0
    listed = capsys.readouterr().out
    assert "monai-wholebody-ct" in listed
    assert "Nothing is downloaded" in listed

    assert cli.main(["models", "catalogue", "monai-wholebody-ct"]) == 0
    shown = capsys.readouterr().out
    assert "Licence of the weights: Apache-2.0" in shown
    assert "Trained on: TotalSegmentator" in shown
    assert "pip install 'liver-tumor-attention[monai]'" in shown

    assert cli.main(["models", "catalogue", "monai-wholebody"]) == 2
    assert "did you mean 'monai-wholebody-ct'" in capsys.readouterr().err


def test_a_file_that_is_not_the_published_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wholeBody_ct_segmentation_v0.2.5.zip"
    file.write_bytes(b"something else")

    assert cli.main(["models", "catalogue", "monai-wholebody-ct", "--check", str(file)]) == 2
    assert "is not the file that MONAI Consortium published" in capsys.readouterr().err
    assert cli.main(["models", "catalogue", "--check", str(file)]) == 2
    assert "--check needs the name of the model" in capsys.readouterr().err
