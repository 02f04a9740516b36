"""Label maps against label maps."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.metrics import DEFAULT_LABELS, evaluate_labels, parse_labels

SPACING = (0.8, 0.7, 2.5)


def image(array: np.ndarray, kind: type = np.uint8) -> sitk.Image:
    result = sitk.GetImageFromArray(array.astype(kind))
    result.SetSpacing(SPACING)
    result.SetOrigin((-100.0, 20.0, 7.0))
    return result


@pytest.fixture
def truth() -> np.ndarray:
    array = np.zeros((10, 20, 20), np.uint8)
    array[2:8, 4:16, 4:16] = 1  # 864 voxels, 64 of them tumor
    array[3:7, 6:10, 6:10] = 2
    return array


@pytest.fixture
def prediction(truth: np.ndarray) -> np.ndarray:
    array = truth.copy()
    array[array == 2] = 1
    array[3:7, 6:10, 7:11] = 2  # shifted by one voxel of 0.8 mm along x: 48 in common
    return array


def test_the_three_labels_of_this_project(prediction: np.ndarray, truth: np.ndarray) -> None:
    evaluation = evaluate_labels(image(prediction), image(truth))
    assert list(evaluation.labels) == ["liver", "tumor", "liver_with_tumors"]
    tumor = evaluation.labels["tumor"]
    assert tumor.confusion.dice == pytest.approx(0.75)
    assert tumor.surface.hd_mm == pytest.approx(0.8)
    assert tumor.confusion.true_negative == 10 * 20 * 20 - 80
    assert evaluation.labels["liver"].confusion.true_positive == 800 - 16
    assert evaluation.labels["liver_with_tumors"].confusion.dice == 1.0
    assert evaluation.lesions is not None
    assert evaluation.lesions.lesions[0].volume_ml == pytest.approx(64 * 0.8 * 0.7 * 2.5 / 1000)
    assert evaluation.lesions.lesions[0].best_iou == pytest.approx(48 / 80)


def test_scores_do_not_change_when_both_images_are_stored_the_other_way_round(
    prediction: np.ndarray, truth: np.ndarray
) -> None:
    straight = evaluate_labels(image(prediction), image(truth))
    turned = evaluate_labels(
        sitk.DICOMOrient(image(prediction), "PSR"), sitk.DICOMOrient(image(truth), "PSR")
    )
    for name, scores in straight.labels.items():
        assert turned.labels[name].confusion == scores.confusion
        assert asdict(turned.labels[name].surface) == pytest.approx(asdict(scores.surface))
    assert turned.lesions is not None
    assert turned.lesions.lesions[0].best_iou == pytest.approx(48 / 80)


def test_own_labels_and_values_of_several(prediction: np.ndarray, truth: np.ndarray) -> None:
    evaluation = evaluate_labels(image(prediction), image(truth), parse_labels(["organ=1+2"]))
    assert list(evaluation.labels) == ["organ"]
    assert evaluation.labels["organ"].confusion.true == 864
    assert evaluation.lesions is None


def test_whole_numbers_stored_as_floats_are_labels(prediction: np.ndarray, truth: np.ndarray) -> None:
    evaluation = evaluate_labels(image(prediction, np.float32), image(truth))
    assert evaluation.labels["tumor"].confusion.dice == pytest.approx(0.75)


def test_json_has_null_for_what_is_undefined_and_says_what_is_empty(truth: np.ndarray) -> None:
    evaluation = evaluate_labels(
        image(np.zeros_like(truth)), image(truth), parse_labels(["tumor=2", "cyst=9"])
    )
    content = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert content["labels"]["tumor"]["dice"] == 0.0
    assert content["labels"]["tumor"]["assd_mm"] is None
    assert content["labels"]["tumor"]["empty"] == "prediction"
    assert content["labels"]["cyst"]["dice"] == 1.0
    assert content["labels"]["cyst"]["hd95_mm"] == 0.0
    assert content["labels"]["cyst"]["empty"] == "both"
    assert content["lesions"]["recall"] == 0.0
    assert content["lesions"]["precision"] is None
    assert content["lesions"]["lesions"][0]["detected"] is False


def test_table_shows_every_label_and_lesion(prediction: np.ndarray, truth: np.ndarray) -> None:
    table = evaluate_labels(image(prediction), image(truth)).format_table()
    assert re.search(r"^Dice +0\.9800 +0\.7500 +1\.0000$", table, re.MULTILINE)
    assert re.search(r"^HD \(mm\) +0\.80 +0\.80 +0\.00$", table, re.MULTILINE)
    assert "1 true, 1 found" in table
    assert re.search(r"^1 +0\.090 +0\.75 +0\.750 +0\.600 +1$", table, re.MULTILINE)
    undefined = evaluate_labels(image(np.zeros_like(truth)), image(truth)).format_table()
    assert re.search(r"^HD \(mm\) +- +- +-$", undefined, re.MULTILINE)
    assert re.search(r"^empty in +prediction +prediction +prediction$", undefined, re.MULTILINE)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("size", lambda i: i[1:]),
        ("spacing", lambda i: i.SetSpacing((0.8, 0.7, 3.0))),
        ("origin", lambda i: i.SetOrigin((-100.0, 20.5, 7.0))),
        ("direction", lambda i: i.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, -1))),
    ],
)
def test_another_grid_is_refused_and_both_are_named(truth: np.ndarray, what: str, change) -> None:
    other = image(truth)
    other = change(other) or other
    with pytest.raises(InputError, match=rf"the prediction and the truth .* {what} is \(.*\).* and \("):
        evaluate_labels(image(truth), other)


def test_rounding_of_a_header_is_no_other_grid(truth: np.ndarray) -> None:
    other = image(truth)
    other.SetOrigin((-100.0001, 20.0, 7.0))
    other.SetSpacing((0.80001, 0.7, 2.5))
    assert evaluate_labels(image(truth), other).labels["tumor"].confusion.dice == 1.0


def test_probabilities_are_no_labels(truth: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"the prediction holds values that are not whole numbers"):
        evaluate_labels(image(truth * 0.3, np.float32), image(truth))


def test_a_color_image_is_no_label_map(truth: np.ndarray) -> None:
    color = sitk.Compose(image(truth), image(truth), image(truth))
    with pytest.raises(InputError, match=r"the truth has 3 components"):
        evaluate_labels(image(truth), color)


def test_a_slice_is_no_volume(truth: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"2 dimensions"):
        evaluate_labels(image(truth)[:, :, 3], image(truth)[:, :, 3])


def test_a_healthy_liver_in_which_nothing_is_found(truth: np.ndarray) -> None:
    healthy = image((truth > 0).astype(np.uint8))
    evaluation = evaluate_labels(healthy, healthy)
    assert evaluation.labels["tumor"].confusion.dice == 1.0
    assert evaluation.labels["tumor"].surface.assd_mm == 0.0
    assert evaluation.lesions is not None
    assert (evaluation.lesions.lesions, evaluation.lesions.findings) == ((), ())
    assert evaluation.lesions.recall == 1.0


def test_no_label_is_refused(truth: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"name at least one"):
        evaluate_labels(image(truth), image(truth), {})


def test_parse_labels() -> None:
    assert parse_labels(["liver=1", "organ = 1 + 2"]) == {"liver": (1,), "organ": (1, 2)}
    assert parse_labels([]) == dict(DEFAULT_LABELS)


@pytest.mark.parametrize(
    "text", ["liver", "=1", "liver=", "liver=one", "liver=1+", "liver=-1", "liver=1.5", ""]
)
def test_a_label_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(repr(text)) + r".*tumor=2"):
        parse_labels([text])


def test_a_label_given_twice() -> None:
    with pytest.raises(InputError, match=r"'liver' is given twice"):
        parse_labels(["liver=1", "liver=2"])


def test_scores_of_lits_stand_beside_ours_where_they_are_asked_for(truth: np.ndarray) -> None:
    """The tumor without its middle slices: two pieces, matched where together they are above one half."""
    pieces = truth.copy()
    slices = np.flatnonzero((truth == 2).any(axis=(1, 2)))
    pieces[slices[1]] = np.where(truth[slices[1]] == 2, 1, truth[slices[1]])
    evaluation = evaluate_labels(image(pieces), image(truth), lits=True)
    lesions = evaluation.lits_lesions
    assert lesions is not None
    assert (lesions.lesions, lesions.findings, lesions.matched, lesions.pieces) == (1, 2, 1, 1)
    liver = evaluation.labels["liver_with_tumors"].lits
    assert liver is not None
    assert (liver.rvd, liver.assd_mm) == (0.0, 0.0)
    content = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert content["lits_lesions"]["precision"] == 0.5
    assert content["labels"]["tumor"]["lits"]["rvd"] == pytest.approx(len(slices) / (len(slices) - 1) - 1)
    table = evaluation.format_table()
    assert "1 true, 2 found; 0 bridged and 1 pieces joined; 1 matched above 50 % overlap" in table
    assert re.search(r"^as LiTS scores +liver +tumor +liver_with_tumors$", table, re.MULTILINE)
    plain = evaluate_labels(image(pieces), image(truth))
    assert plain.lits_lesions is None
    assert "LiTS" not in plain.format_table()
