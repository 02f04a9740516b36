"""Steps 1 to 9: from the sample case to lesions that a person stands by, and that a second run leaves alone."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from Testing.Slicer.story.telling import Telling
from Testing.Slicer.story.truth import dice, union

SMALLEST_MM = 15.0
"""Diameter that the first run asks for: what is smaller stays for a click."""
SECOND_THRESHOLD = 0.3


def load_the_sample_case(story: Telling) -> None:
    """Both phases come into the scene and into the panel's inputs."""
    story.hands.run("sampleButton")
    assert story.sample is not None, story.ui.statusLabel.text
    assert story.ui.portalSelector.currentNode() is story.sample.portal
    assert story.ui.arterialSelector.currentNode() is story.sample.arterial
    assert "shows no patient" in story.ui.statusLabel.text
    assert len(story.truth.lesions) == len(story.sample.truth.lesions), "no two lesions touch"
    at = story.truth.deepest(story.truth.liver)
    story.album.page("The sample case: two phases are loaded.", "inputs", "segment", at=at)


def segment_it(story: Telling) -> None:
    """The bundled model finds lesions; a smaller one than asked for is left out. One is false, be it by hand."""
    ui = story.ui
    ui.modelComboBox.setCurrentIndex(ui.modelComboBox.findData("demonstration"))
    ui.deviceComboBox.setCurrentIndex(ui.deviceComboBox.findData("cpu"))
    ui.advancedGroupBox.collapsed = False
    if not ui.keepRegisteredCheckBox.checked:
        ui.keepRegisteredCheckBox.click()
    assert ui.keepProbabilityCheckBox.checked
    point = ui.operatingPointComboBox
    point.setCurrentIndex(point.findData("sensitive"))
    ui.minimumDiameterSpinBox.value = SMALLEST_MM
    story.hands.run("segmentButton")
    assert story.segmentation is not None, ui.statusLabel.text
    assert ui.registrationLabel.text.startswith("Registration: ")
    found = story.lesions
    assert sorted(story.hands.rows()) == sorted(found)
    assert all(row[1] == "draft" for row in story.hands.rows().values())
    missed = story.truth.missed(found)
    assert missed, "no lesion is smaller than what was asked for on this seed: choose another"
    found = _with_a_false_one(story)
    false = story.truth.false(found)
    story.noted |= {"false": false, "missed": missed[0], "dice": [story.dice()]}
    good = next(number for number in found if number not in false)
    story.hands.select(good)
    story.album.page(
        f"The first run: {len(found)} tumors; Tumor {good} is selected.",
        "segment",
        "correct",
        at=story.center_of(good),
    )


def _with_a_false_one(story: Telling) -> dict[int, np.ndarray]:
    """Return the lesions, one of them false: of a model that makes no false finding, a click into plain liver does."""
    found = story.lesions
    if not story.truth.false(found):
        near = ndimage.binary_dilation(union(found, story.truth.tumor) | story.truth.tumor, iterations=5)
        story.hands.use("addButton", story.truth.deepest(story.truth.liver & ~near))
        found = story.lesions
    assert story.truth.false(found), "a click into plain liver adds something that is no lesion"
    return found


def reject_the_false_findings(story: Telling) -> None:
    """They have no voxel any more, keep their rows, and are remembered."""
    false = story.noted["false"]
    story.noted["false_regions"] = {number: story.lesions[number] for number in false}
    story.hands.select(false[0])
    place = story.center_of(false[0])
    story.album.page(f"A false finding: Tumor {false[0]} lies where no lesion is.", "correct", at=place)
    story.hands.select(*false)
    story.hands.press("rejectButton")
    assert [story.hands.rows()[number][1] for number in false] == ["rejected"] * len(false)
    assert not union({number: story.lesions[number] for number in false}, story.truth.tumor).any()
    _better(story)
    names = ", ".join(f"Tumor {number}" for number in false)
    story.album.page(f"Rejected: {names}. Their voxels are liver again.", "correct", at=place)


def add_the_missed_lesion(story: Telling) -> None:
    """One click into it draws it, under the next number."""
    missed = story.noted["missed"]
    place = story.truth.deepest(missed)
    before = story.lesions
    story.album.page("A lesion smaller than asked for: without an outline.", "correct", at=place)
    story.hands.use("addButton", place)
    after = story.lesions
    (added,) = set(after) - set(before)
    assert added == max(before) + 1
    assert after[added][story.truth.voxel_of(place)]
    assert dice(after[added], missed) > 0.5, "one click finds most of the lesion"
    for number, mask in before.items():
        np.testing.assert_array_equal(after[number], mask, err_msg=f"Tumor {number} was not meant")
    _better(story)
    story.noted["added"] = added
    story.album.page(f"Added with one click: Tumor {added}.", "correct", at=place)


def include_and_exclude(story: Telling) -> None:
    """A click where a lesion lacks something, and one where it reaches too far: each makes it truer."""
    lacking = {n: story.truth.under(story.lesions[n]) & ~story.lesions[n] for n in story.living}
    number = max(lacking, key=lambda n: np.count_nonzero(lacking[n]))
    _correct_with(story, "includeButton", number, lacking[number], belongs=True)
    excess = {n: story.lesions[n] & ~story.truth.tumor for n in story.living}
    number = max(excess, key=lambda n: np.count_nonzero(excess[n]))
    story.noted["before_exclude"] = story.lesions
    _correct_with(story, "excludeButton", number, excess[number], belongs=False)
    story.noted["excluded"] = number


def _correct_with(story: Telling, button: str, number: int, wrong: np.ndarray, *, belongs: bool) -> None:
    place = story.truth.deepest(wrong)
    before, others = story.dice_of(number), story.lesions
    story.hands.use(button, place)
    after = story.lesions
    assert bool(after[number][story.truth.voxel_of(place)]) is belongs, story.ui.correctStatusLabel.text
    assert story.dice_of(number) > before
    assert [n for n in others if (others[n] != after[n]).any()] == [number]
    _better(story)
    word = "Include: a click gave" if belongs else "Exclude: a click took from"
    story.album.page(
        f"{word} Tumor {number} what {'it lacked' if belongs else 'was too much'}.", "correct", at=place
    )


def undo_and_redo(story: Telling) -> None:
    """Undo takes the last click back, redo does it again, voxel by voxel."""
    before, after = story.noted["before_exclude"], story.lesions
    story.hands.press("undoButton")
    _same(story.lesions, before)
    number = story.noted["excluded"]
    story.album.page(
        f"Undo: Tumor {number} is as it was before the click.", "correct", at=story.center_of(number)
    )
    story.hands.press("redoButton")
    _same(story.lesions, after)
    assert not story.ui.redoButton.enabled


def paint_with_the_brush(story: Telling) -> None:
    """What is painted in the Segment Editor becomes one action, which can be undone."""
    lacking = {n: story.truth.under(story.lesions[n]) & ~story.lesions[n] for n in story.living}
    number = max(lacking, key=lambda n: np.count_nonzero(lacking[n]))
    steps = len(story.panel.active_case.controller.session.entries)
    story.hands.select(number)
    story.ui.brushGroupBox.collapsed = False
    story.ui.segmentEditor.setActiveEffectByName("Paint")
    before = story.lesions[number]
    story.paint(number, lacking[number])
    story.album.page(
        f"The brush: Tumor {number} is being painted on.", "correct", at=story.truth.deepest(lacking[number])
    )
    story.ui.brushGroupBox.collapsed = True
    entries = story.panel.active_case.controller.session.entries
    assert [entry.action.tool for entry in entries[steps:]] == ["draw"]
    np.testing.assert_array_equal(story.lesions[number], before | lacking[number])
    assert story.hands.rows()[number][-1] == "by hand", "changed by hand"
    _better(story)


def accept(story: Telling) -> None:
    """What is right is accepted, all at once; one draft is left open."""
    *accepted, left_open = story.living
    story.hands.select(*accepted)
    story.hands.press("acceptButton")
    rows = story.hands.rows()
    assert [rows[number][1] for number in accepted] == ["accepted"] * len(accepted)
    assert rows[left_open][1] == "draft"
    story.noted |= {"accepted": accepted, "left_open": left_open}
    story.album.page(
        "Accepted: nothing changes these tumors any more.", "correct", at=story.center_of(accepted[0])
    )


def run_again(story: Telling) -> None:
    """A second run, which would see more, changes nothing that was decided."""
    from LiverTumorAttentionGui.parameters import MODELS_OWN_DIAMETER

    before = story.lesions
    story.ui.thresholdSpinBox.value = SECOND_THRESHOLD
    story.ui.minimumDiameterSpinBox.value = MODELS_OWN_DIAMETER
    story.hands.run("segmentButton")
    assert "what was decided or edited stays as it was" in story.ui.statusLabel.text
    after, rows = story.lesions, story.hands.rows()
    for number in (*story.noted["accepted"], story.noted["left_open"]):
        np.testing.assert_array_equal(after[number], before[number], err_msg=f"Tumor {number}")
    for number in story.noted["accepted"]:
        assert rows[number][1] == "accepted"
    for number, region in story.noted["false_regions"].items():
        assert rows[number][1] == "rejected"
        back = [n for n, mask in after.items() if (mask & region).any()]
        assert not back, f"what was rejected as Tumor {number} is back as {back}"
    story.album.page(
        f"A second run at threshold {SECOND_THRESHOLD:g}: what was decided stays.",
        "segment",
        "correct",
        at=story.center_of(story.noted["accepted"][0]),
    )


def _better(story: Telling) -> None:
    """Check that the whole result has come nearer to the truth."""
    now = story.dice()
    assert now > story.noted["dice"][-1], f"Dice {story.noted['dice'][-1]:.3f} became {now:.3f}"
    story.noted["dice"].append(now)


def _same(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> None:
    assert set(one) == set(other)
    for number, mask in one.items():
        np.testing.assert_array_equal(mask, other[number], err_msg=f"Tumor {number}")
