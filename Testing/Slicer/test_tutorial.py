"""The tutorial and the help text: what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "LiverTumorAttention"
TUTORIAL = MODULE / "TUTORIAL.md"


def words_of_the_panel() -> set[str]:
    """Return the texts and titles of the panel's widgets, without the colon of a label."""
    found: set[str] = set()
    for path in (MODULE / "Resources" / "UI").glob("*.ui"):
        text = path.read_text(encoding="utf-8")
        pattern = r'<property name="(?:text|title)">\s*<string[^>]*>([^<]+)</string>'
        found |= {words.rstrip(":") for words in re.findall(pattern, text)}
    return found


def test_every_control_that_the_tutorial_names_is_in_the_panel():
    named = re.findall(r"\*\*(.+?)\*\*", TUTORIAL.read_text(encoding="utf-8").replace("\n", " "))
    headings = [
        words for words in named if words[:2] in ("A ", "An", "Tw", "By")
    ]  # bold sentences, no controls
    controls = {words for words in named if words not in headings}
    assert len(controls) > 25
    assert sorted(controls - words_of_the_panel()) == []


def test_the_tutorials_pictures_are_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TUTORIAL.read_text(encoding="utf-8"))
    assert len(pictures) >= 4
    assert [name for name in pictures if not (MODULE / name).is_file()] == []


@pytest.mark.parametrize("text", ["help_text", "acknowledgement"])
def test_links_of_help_and_acknowledgement_lead_to_files(application, text):
    from LiverTumorAttentionGui import about

    shown = getattr(about, text)()
    links = re.findall(r'href="([^"]+)"', shown)
    inside = [link for link in links if link.startswith(about.HOMEPAGE)]
    assert len(inside) >= 2
    for link in inside:
        path = link.removeprefix(f"{about.FILES}/")
        assert link == f"{about.HOMEPAGE}/issues" or (ROOT / path).is_file(), link
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f'set(EXTENSION_HOMEPAGE "{about.HOMEPAGE}")' in cmake
    assert "Not for clinical use" in about.help_text()
