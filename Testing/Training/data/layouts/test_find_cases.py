"""What every layout has in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.data.layouts import LAYOUTS, find_cases
from training.data.layouts.files import case_name, in_order


def test_an_unknown_layout_and_an_option_that_it_does_not_take_are_refused(tmp_path):
    with pytest.raises(InputError, match="no layout 'lit'; did you mean 'lits'"):
        find_cases("lit", tmp_path)
    with pytest.raises(InputError, match=r"'lits' takes no channels; layouts that do are nnunet"):
        find_cases("lits", tmp_path, channels={"portal": 1})


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_path_that_is_not_there_is_named(layout, tmp_path):
    with pytest.raises(InputError, match="missing-place"):
        find_cases(layout, tmp_path / "missing-place")


def test_names_are_made_fit_for_folders():
    assert case_name("Müller, 3 (pv)") == "M-ller-3-pv"
    assert case_name("../x") == "x"
    with pytest.raises(InputError, match="holds no letter or digit"):
        case_name("..")


def test_numbers_in_names_are_sorted_by_their_size_and_hidden_files_left_out():
    names = ["image_10", "image_2", "Image_1", "._image_3"]
    assert [path.name for path in in_order(map(Path, names))] == ["Image_1", "image_2", "image_10"]


def test_the_description_of_data_sets_names_every_layout():
    text = (Path(__file__).resolve().parents[4] / "training" / "data" / "layouts" / "README.md").read_text()
    assert [name for name in LAYOUTS if f"| `{name}` |" not in text] == []
