"""How a parameter of each type is kept in a parameter node, checked and read back, as Slicer's serializers do."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import slicer


@dataclasses.dataclass
class Default:
    """Annotation: the value of a parameter that the node does not hold."""

    value: Any


@dataclasses.dataclass
class WithinRange:
    """Annotation: the least and the greatest value."""

    minimum: float
    maximum: float

    def validate(self, value: float) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


@dataclasses.dataclass
class Minimum:
    """Annotation: the least value."""

    minimum: float

    def validate(self, value: float) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must be greater than {self.minimum}, is {value}")


@dataclasses.dataclass
class Maximum:
    """Annotation: the greatest value."""

    maximum: float

    def validate(self, value: float) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must not be greater than {self.maximum}, is {value}")


_ACCEPTED: dict[type, type | tuple[type, ...]] = {str: str, bool: bool, int: int, float: (int, float)}
_READ: dict[type, Any] = {str: str, bool: lambda text: text == "True", int: int, float: float}


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One annotated name of a wrapped class."""

    name: str
    kind: type
    """`str`, `bool`, `int`, `float`, or the class of a MRML node."""
    annotations: tuple[Any, ...]
    default: Any

    @classmethod
    def of(cls, name: str, hint: Any, assigned: Any) -> Parameter:
        """Return the parameter of an annotation and of what is assigned to it in the class, if anything is.

        Raises `TypeError` for a type that the bench does not know.
        """
        kind, *annotations = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        if kind not in _READ and not (isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)):
            raise TypeError(f"the bench keeps no parameter of type {kind}")
        defaults = [annotation.value for annotation in annotations if isinstance(annotation, Default)]
        none = kind() if kind in _READ else None
        default = assigned if assigned is not None else (defaults or [none])[0]
        return cls(name, kind, tuple(annotations), default)

    def find(self, annotation: type) -> Any:
        """Return the first annotation of that class, or None."""
        return next((found for found in self.annotations if isinstance(found, annotation)), None)

    def write(self, node: Any, value: Any) -> None:
        """Keep the value. Raises `ValueError` or `TypeError` for what the real wrapper refuses."""
        if self.kind not in _READ:
            if value is not None and not isinstance(value, self.kind):
                raise TypeError(
                    f"Value must be of type '{self.kind}', is type '{type(value)}' value '{value}'"
                )
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if value is None:
            raise ValueError("Value must not be None")
        if not isinstance(value, _ACCEPTED[self.kind]):
            raise TypeError(f"Value must be of type '{self.kind}', is type '{type(value)}' value '{value}'")
        for annotation in self.annotations:
            if isinstance(annotation, WithinRange | Minimum | Maximum):
                annotation.validate(value)
        node.SetParameter(self.name, str(value))

    def read(self, node: Any) -> Any:
        """Return the value that the node holds."""
        if self.kind not in _READ:
            return node.GetNodeReference(self.name)
        return _READ[self.kind](node.GetParameter(self.name))
