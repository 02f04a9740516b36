"""Scenes saved and loaded as Slicer does: a `.mrml` file with the nodes, and beside it a file for each node's data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import slicer

_SCENE_FILE = "scene.mrml"


def save_scene(folder: Path) -> Path:
    """Save `slicer.mrmlScene` with the data of its nodes into the folder; return the `.mrml` file.

    Raises `OSError` when a node's data or the scene cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scene = slicer.mrmlScene
    scene.SetRootDirectory(str(folder))
    taken: set[str] = set()
    for node in list(_storable(scene)):
        _save_data(node, folder, taken)
    path = folder / _SCENE_FILE
    scene.SetURL(str(path))
    if not scene.Commit():
        raise OSError(f"cannot write {path}")
    return path


def load_scene(path: Path) -> Any:
    """Replace `slicer.mrmlScene` by a fresh one with what was saved; return it.

    Raises `OSError` when the file or the data of a node cannot be read.
    """
    from Testing.bench import slicer_like

    scene = slicer_like.new_scene()
    messages = slicer.vtkMRMLMessageCollection()
    scene.SetURL(str(path))
    if not path.is_file() or not scene.Import(messages):
        raise OSError(f"cannot read {path}: {messages.GetAllMessagesAsString()}")
    return scene


def _storable(scene: Any) -> list[Any]:
    """Return the nodes whose data goes into a file of its own."""
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    return [
        node
        for node in nodes
        if node.IsA("vtkMRMLStorableNode") and node.GetSaveWithScene() and not node.GetHideFromEditors()
    ]


def _save_data(node: Any, folder: Path, taken: set[str]) -> None:
    node.AddDefaultStorageNode()
    storage = node.GetStorageNode()
    if storage is None:
        return  # nodes without data, such as a volume that was never filled
    name = _free_name(node.GetName(), taken)
    storage.SetFileName(str(folder / f"{name}.{storage.GetDefaultWriteFileExtension()}"))
    if not storage.WriteData(node):
        raise OSError(f"cannot write {storage.GetFileName()}")


def _free_name(name: str, taken: set[str]) -> str:
    """Return a file name without what file systems refuse, unlike the names before."""
    plain = re.sub(r"[^\w .()-]", "_", name).strip() or "node"
    count, free = 1, plain
    while free.lower() in taken:
        count += 1
        free = f"{plain}_{count}"
    taken.add(free.lower())
    return free
