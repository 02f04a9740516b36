"""The commands `phantoms` and `check`, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk

from Testing.Training.abdomen import make_abdomen, write_json
from training.cli import main


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """An nnU-Net data set of one case whose channels and labels tell nothing by their names."""
    portal, labels = make_abdomen()
    description = {
        "channel_names": {"0": "a", "1": "b"},
        "labels": {"background": 0, "organ": 1, "lesion": 2},
    }
    write_json(tmp_path / "dataset.json", description)
    for name, image in (("imagesTr/X_0000", portal - 5), ("imagesTr/X_0001", portal), ("labelsTr/X", labels)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    return tmp_path


def test_a_phantom_cohort_is_written_and_checked(tmp_path, capsys):
    tiny = ["--matrix", "40", "--slices", "10", "--thickness", "10", "--lesions", "1", "--processes", "1"]
    folder = str(tmp_path / "cohort")
    assert main(["phantoms", "--count", "1", "--seed", "7", "--output", folder, *tiny]) == 0
    assert "1 of 1 phantoms written" in capsys.readouterr().out
    assert main(["check", "--layout", "plain", "--data", folder, "--processes", "1"]) == 0
    assert capsys.readouterr().out.strip() == "1 case: nothing wrong"


def test_channels_and_labels_are_told_on_the_command_line(dataset, capsys):
    data = ["check", "--layout", "nnunet", "--data", str(dataset), "--processes", "1"]
    assert main(data) == 2
    assert "--channel portal=NUMBER" in capsys.readouterr().err
    assert main([*data, "--channel", "portal=1", "--channel", "arterial=0"]) == 2
    assert "--label 'organ=background'" in capsys.readouterr().err
    assert main([*data, "--channel", "portal=1", "--label", "organ=liver"]) == 0


def test_what_is_wrong_is_shown_and_ends_with_status_2(dataset, capsys):
    (dataset / "labelsTr" / "X.nii.gz").write_bytes(b"")
    told = ["--channel", "portal=1", "--label", "organ=liver", "--processes", "1"]
    assert main(["check", "--layout", "nnunet", "--data", str(dataset), *told]) == 2
    shown = capsys.readouterr()
    assert "1 case: 1 error and 0 warnings in 1 of them" in shown.out
    assert "error: 1 of 1 cases cannot be used as they are" in shown.err


@pytest.mark.parametrize("option", [["--channel", "portal"], ["--label", "organ=kidney"], ["--layout", "x"]])
def test_options_that_cannot_be_read_are_refused(dataset, option, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["check", "--layout", "nnunet", "--data", str(dataset), *option])
    assert "expected" in (said := capsys.readouterr().err) or "invalid choice" in said


def test_the_help_of_phantoms_tells_which_seeds_are_for_what(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["phantoms", "--help"])
    text = capsys.readouterr().out
    assert "100000 on" in text
    assert "tests and evaluation" in text
