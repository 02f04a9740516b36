"""A radiologist's session: from a DICOM study to a signed case and DICOM objects, with its clicks counted."""

from __future__ import annotations

import pytest

from Testing.Slicer.test_story import story  # noqa: F401  the fixture

pytest.register_assert_rewrite("Testing.Slicer.story.session")
pytest.importorskip("highdicom")
MOST_CLICKS = 15
"""For three lesions."""


def test_session(story, monkeypatch):  # noqa: F811
    import slicer

    from Testing.Slicer.story import session

    database = session.Database()
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    session.load_the_study(story, database)
    session.choose_the_phases(story)
    session.take_the_result(story)
    session.split_the_pair(story)
    session.decide(story)
    session.sign(story)
    session.export_dicom(story, database)
    print("Clicks:", story.hands.clicks)
    assert len(story.living) == 3
    assert story.hands.clicks <= MOST_CLICKS
