"""The maps in the README files: links lead to files, and the public names that they list exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("LiverTumorAttention", "LiverTumorAttentionLib", "Testing", "training")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
LIBRARY_MAP = (ROOT / "LiverTumorAttentionLib" / "README.md").read_text(encoding="utf-8")
PUBLIC_FUNCTIONS = LIBRARY_MAP.split("## Public functions\n", 1)[1].split("\n## ", 1)[0]
ROWS = re.findall(r"^\| `(\w+)` \| (.*) \|$", PUBLIC_FUNCTIONS, re.MULTILINE)


def relative_links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [link for link in links if "://" not in link and not link.startswith("mailto:")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path):
    missing = [link for link in relative_links(page) if not (page.parent / link).exists()]
    assert missing == []


def test_the_front_page_links_to_every_map():
    links = set(relative_links(ROOT / "README.md"))
    assert {f"{folder}/README.md" for folder in FOLDERS[:2]} <= links
    assert {"CONTRIBUTING.md", "training/README.md", "Testing/benchmarks/README.md"} <= links


@pytest.mark.parametrize(("package", "text"), ROWS, ids=[package for package, _ in ROWS])
def test_listed_names_are_public(package: str, text: str):
    module = importlib.import_module(f"LiverTumorAttentionLib.{package}")
    names = re.findall(r"`([A-Za-z_]+)`", text)
    assert names or package == "report"
    wanted = {name for name in names if name not in ("job", "SegmentationJob")}
    assert wanted <= set(module.__all__)


def test_the_panel_map_lists_every_reference_role():
    source = (
        ROOT / "LiverTumorAttention" / "LiverTumorAttentionGui" / "scene" / "node_attributes.py"
    ).read_text(encoding="utf-8")
    roles = set(re.findall(r'^\w+_REFERENCE = "(\w+)"$', source, re.MULTILINE))
    page = (ROOT / "LiverTumorAttention" / "README.md").read_text(encoding="utf-8")
    rows = page.split("| reference role |", 1)[1].split("\n\n", 1)[0]
    assert roles
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == roles
