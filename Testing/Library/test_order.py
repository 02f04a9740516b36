"""The slow files start first, and each of them is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from Testing.conftest import ROOT, SLOW_FILES, pytest_collection_modifyitems


def test_slow_files_come_first_and_the_others_keep_their_order() -> None:
    assert all((ROOT / name).is_file() for name in SLOW_FILES)
    names = ["Testing/a.py", SLOW_FILES[1], "Testing/b.py", SLOW_FILES[0]]
    items: list[Any] = [SimpleNamespace(path=ROOT / name) for name in names]
    pytest_collection_modifyitems(items)
    assert [item.path for item in items] == [
        ROOT / name for name in (*SLOW_FILES[:2], "Testing/a.py", "Testing/b.py")
    ]
