"""A radiologist's way through the panel, from the sample case to a report and back another day.

Each step leaves a picture: `make story` writes them to build/story. Not for clinical use.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.register_assert_rewrite("Testing.Slicer.story")

PICTURES = "LIVER_TUMOR_ATTENTION_STORY"
# Sums in another order register a little differently, and what a click draws in a lesion of few voxels hangs on that.
ONE_THREAD = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


@pytest.fixture
def story(scene, tmp_path, monkeypatch):
    """The panel on an empty scene. The pictures go where the environment variable says."""
    import slicer

    from Testing.Slicer.story.telling import Telling

    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")
    telling = Telling(Path(os.environ.get(PICTURES) or tmp_path / "pictures"), tmp_path)
    # Slicer's function asks its layout manager for the views, which the bench has not.
    monkeypatch.setattr(
        slicer.util, "setSliceViewerLayers", lambda *, background, **_: telling.album.show(background)
    )
    yield telling
    telling.close()


def test_story(story):
    from Testing.Slicer.story import correcting, planning, returning

    correcting.load_the_sample_case(story)
    correcting.segment_it(story)
    correcting.reject_the_false_findings(story)
    correcting.add_the_missed_lesion(story)
    correcting.include_and_exclude(story)
    correcting.undo_and_redo(story)
    correcting.paint_with_the_brush(story)
    correcting.accept(story)
    correcting.run_again(story)
    planning.measure(story)
    planning.lay_a_margin(story)
    planning.cut_with_a_plane(story)
    planning.export_the_report(story)
    planning.hand_over(story)
    returning.come_back_another_day(story)
    print("Dice, step by step:", *(f"{value:.3f}" for value in story.noted["dice"]))
