"""What the Extensions Index expects of the sources. None of this needs Slicer."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from Testing.bench import cmake_lists

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("folder", "scripts", "resources"), cmake_lists.LISTS)
def test_cmake_lists_every_file_in_git(folder, scripts, resources):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    python, others = cmake_lists.files_in_git(folder)
    hint = "run `python Testing/bench/cmake_lists.py`"
    assert cmake_lists.files_in_cmake(folder, scripts) == python, hint
    assert cmake_lists.files_in_cmake(folder, resources) == others, hint


def test_icons_are_128_pixels_square():
    for path in (
        ROOT / "Resources" / "LiverTumorAttention.png",
        ROOT / "LiverTumorAttention" / "Resources" / "Icons" / "LiverTumorAttention.png",
    ):
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", content[16:24]) == (128, 128)


def test_root_cmake_names_what_the_index_shows():
    text = (ROOT / "CMakeLists.txt").read_text()
    assert "project(LiverTumorAttention)" in text
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert re.search(rf'set\(EXTENSION_{name} "[^"]+"\)', text), name
    for url in re.findall(r'"https://raw[^"]*/main/([^"]+)"', text):
        assert (ROOT / url).is_file(), url


def test_module_file_is_a_thin_shell():
    lines = (ROOT / "LiverTumorAttention" / "LiverTumorAttention.py").read_text().splitlines()
    assert len(lines) < 120


def test_gui_says_not_for_clinical_use():
    assert (
        "Not for clinical use"
        in (ROOT / "LiverTumorAttention" / "Resources" / "UI" / "LiverTumorAttention.ui").read_text()
    )
