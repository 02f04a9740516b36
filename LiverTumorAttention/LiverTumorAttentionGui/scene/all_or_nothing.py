"""A change of the scene that is made whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import slicer

_SHARED_DATA = ("vtkMRMLVolumeNode", "vtkMRMLTransformNode")
"""Nodes whose voxels or transform a run replaces by another object instead of changing them in place."""


@contextmanager
def all_or_nothing(scene: slicer.vtkMRMLScene, *changed: slicer.vtkMRMLNode | None) -> Iterator[None]:
    """Put the scene back as it was where the block raises: nodes it added are removed, `changed` ones restored.

    changed: the nodes of the scene that the block may change; None and removed nodes are ignored.
    """
    before = {node.GetID() for node in _nodes(scene)}
    restore = [_restorer(node) for node in changed if node is not None and node.GetScene() is scene]
    try:
        yield
    except BaseException:
        for put_back in restore:
            put_back()
        for node in reversed(_nodes(scene)):
            if node.GetID() not in before:
                scene.RemoveNode(node)
        raise


def _nodes(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLNode]:
    return [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]


def _restorer(node: slicer.vtkMRMLNode) -> Callable[[], None]:
    """Return a function that gives a node its present content, name, attributes and references back."""
    deep = not any(node.IsA(name) for name in _SHARED_DATA)
    saved = node.CreateNodeInstance()
    saved.CopyContent(node, deep)
    name = node.GetName()
    attributes = {each: node.GetAttribute(each) for each in node.GetAttributeNames()}
    references = _references(node)

    def put_back() -> None:
        node.CopyContent(saved, deep)
        node.SetName(name)
        for each in set(node.GetAttributeNames()) - set(attributes):
            node.RemoveAttribute(each)
        for each, value in attributes.items():
            node.SetAttribute(each, value)
        for role in _references(node):
            if role not in references:
                node.RemoveNodeReferenceIDs(role)
        for role, ids in references.items():
            if _references(node).get(role) != ids:
                node.RemoveNodeReferenceIDs(role)
                for identity in ids:
                    node.AddNodeReferenceID(role, identity)

    return put_back


def _references(node: slicer.vtkMRMLNode) -> dict[str, list[str]]:
    roles: list[str] = []
    node.GetNodeReferenceRoles(roles)
    return {
        role: [
            node.GetNthNodeReferenceID(role, index) for index in range(node.GetNumberOfNodeReferences(role))
        ]
        for role in roles
    }
