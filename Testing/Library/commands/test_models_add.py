"""`models add` of a model of nnU-Net: what its files do not say is asked for, in one line, and said by options."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.models import find_model
from Testing.Library.nnunet_folders import data_set, write_training


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(folder))
    return folder


def test_what_is_asked_for_is_answered_by_options(
    tmp_path: Path, user_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described = data_set(labels={"background": 0, "organ": 1, "finding": 2}, channel_names={"0": "scan 7"})
    folder = str(write_training(tmp_path, described=described))
    said = ["--channel", "portal=0", "--label", "organ=liver", "--label", "finding=tumor"]
    for number in (0, 2, 4):
        assert main(["models", "add", folder, *said[:number]]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert said[number] in error
    assert not user_folder.exists()
    assert (
        main(["models", "add", folder, *said, "--id", "mine", "--title", "Mine", "--orientation", "LPS"]) == 0
    )
    stage = find_model("mine").description.stages[0]
    assert (stage.orientation, stage.class_groups) == ("LPS", {"liver": (1, 2), "tumor": (2,)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--channel", "portal"], "the channel 'portal' cannot be read: write PHASE=NUMBER"),
        (["--channel", "late=0"], "--channel late: unknown phase"),
        (
            ["--channel", "portal=0", "--channel", "portal=1"],
            "the channel of the portal phase is given twice",
        ),
        (["--channel", "portal=7"], "--channel portal=7: there is no such channel, only 0 'CT'"),
        (["--label", "liver"], "the label 'liver' cannot be read: write NAME=MEANING"),
        (["--label", "liver=kidney"], "a label is liver, tumor, cyst, vessel or ignore, got 'kidney'"),
        (["--orientation", "up"], "orientation names where the columns, rows and slices"),
        (["--checkpoint", "last"], "--checkpoint is final or best, got 'last'"),
        (["--configuration", "2d"], "there is no training of the configuration '2d'"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["models", "add", str(write_training(tmp_path)), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
