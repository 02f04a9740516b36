"""What the Extensions Index expects of the sources. None of this needs Slicer."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

from Testing.bench import cmake_lists

ROOT = Path(__file__).resolve().parents[2]
INDEX_ENTRY = ROOT / "Resources" / "ExtensionsIndex" / "LiverTumorAttention.json"
# The catalog's schema, version 1.0.1: the kind of each key, and which must be there.
INDEX_KEYS = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
INDEX_REQUIRED = {"$schema", "category", "scm_url"}


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


def test_entry_of_the_extensions_index_follows_its_schema():
    content = INDEX_ENTRY.read_bytes()
    entry = json.loads(content)
    assert b"\r" not in content
    assert set(entry) >= INDEX_REQUIRED
    assert {key: type(value) for key, value in entry.items()} == {key: INDEX_KEYS[key] for key in entry}
    assert re.fullmatch(
        r"https://\S+/slicer-extension-catalog-entry-schema-v1\.0\.1\.json#", entry["$schema"]
    )
    assert all(isinstance(name, str) and name for name in entry["build_dependencies"])
    assert 1 <= entry["tier"] <= 5


def test_entry_of_the_extensions_index_says_what_the_sources_say():
    """The index checks that name, dependencies and category are those of the sources."""
    entry, text = json.loads(INDEX_ENTRY.read_text()), (ROOT / "CMakeLists.txt").read_text()
    depends = re.search(r'set\(EXTENSION_DEPENDS "([^"]*)"\)', text).group(1).split()
    assert entry["build_dependencies"] == [name for name in depends if name != "NA"]
    assert f"project({INDEX_ENTRY.stem})" in text
    module = (ROOT / "LiverTumorAttention" / "LiverTumorAttention.py").read_text()
    assert f'translate("qSlicerAbstractCoreModule", "{entry["category"]}")' in module
    homepage = re.search(r'set\(EXTENSION_HOMEPAGE "([^"]+)"\)', text).group(1)
    assert entry["scm_url"].removesuffix(".git") == homepage
    raw = homepage.replace("https://github.com/", "https://raw.githubusercontent.com/")
    for url in re.findall(r'"(https://raw[^"]*)"', text):
        assert url.startswith(f"{raw}/{entry['scm_revision']}/"), url


def test_the_repositorys_name_begins_with_slicer_and_the_extensions_does_not():
    """The rule of the index, which refuses an entry otherwise."""
    name = json.loads(INDEX_ENTRY.read_text())["scm_url"].removesuffix(".git").rpartition("/")[2]
    assert name.startswith("Slicer")
    assert not INDEX_ENTRY.stem.lower().startswith("slicer")


def test_module_file_is_a_thin_shell():
    lines = (ROOT / "LiverTumorAttention" / "LiverTumorAttention.py").read_text().splitlines()
    assert len(lines) < 120


def test_gui_says_not_for_clinical_use():
    assert (
        "Not for clinical use"
        in (ROOT / "LiverTumorAttention" / "Resources" / "UI" / "LiverTumorAttention.ui").read_text()
    )
