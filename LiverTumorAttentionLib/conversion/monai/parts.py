"""Parts of a bundle's configuration: an object that names a class of MONAI in `_target_`, and its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.conversion.monai.config_values import BundleConfig
from LiverTumorAttentionLib.errors import ModelError

TARGET = "_target_"
_IGNORED = ("_desc_", TARGET)


class Part:
    """One part. written: its object as it is written. place: where it stands, for messages."""

    def __init__(self, config: BundleConfig, written: object, place: str) -> None:
        opened = config.opened(written, place)
        if not isinstance(opened, Mapping) or not isinstance(opened.get(TARGET), str):
            raise ModelError(
                f"{config.where}: {place} must be an object that names a class of MONAI in {TARGET!r}, got "
                f"{shown(opened)}: correct it there"
            )
        self._config = config
        self._written = {key: value for key, value in opened.items() if key not in _IGNORED}
        self.place = place
        self.target = str(opened[TARGET])

    @property
    def name(self) -> str:
        """The class's name. Raises `ModelError` for one that is not MONAI's."""
        package, _, name = self.target.rpartition(".")
        if package and package.split(".")[0] != "monai":
            raise ModelError(
                f"{self._config.where}: {self.place} is {shown(self.target)}, which is not MONAI's, and no code of a "
                "bundle is ever run: ask its author for a bundle of MONAI's own parts"
            )
        return name

    @property
    def arguments(self) -> list[str]:
        """The names of the arguments that are given."""
        return list(self._written)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument with its references followed; the default where it is not given."""
        if name not in self._written:
            return default
        return self._config.value(self._written[name], f"{self.place}: {name}")

    def numbers(self, name: str, default: Any = None, *, count: int | None = None) -> tuple[float, ...]:
        """Return an argument of numbers, one or a list of them; `count` repeats one number. Raises `ModelError`."""
        value = self.get(name, default)
        listed = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in listed):
            raise self.unclear(name, value, "numbers")
        numbers = tuple(listed)
        if count is not None and len(numbers) == 1:
            numbers *= count
        if count is not None and len(numbers) != count:
            raise self.unclear(name, value, f"{count} numbers")
        return numbers

    def number(self, name: str, default: float | None = None) -> float:
        """Return an argument that is one number. Raises `ModelError`."""
        return float(self.numbers(name, default, count=1)[0])

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an argument that is true or false. Raises `ModelError`."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise self.unclear(name, value, "true or false")
        return value

    def expect(self, known: Iterable[str], **only: object) -> None:
        """Raise `ModelError` for an argument that is neither known nor has the one value that changes nothing.

        only: of such arguments that value.
        """
        for name in self.arguments:
            if name in only:
                value = self.get(name)
                if value != only[name] and value is not None:
                    raise self.unclear(name, value, f"{only[name]!r}")
            elif name not in known:
                raise ModelError(
                    f"{self._config.where}: {self.place} ({self.target}): the argument {shown(name)} is not "
                    "understood, and without it the result would be another: ask for a bundle without it"
                )

    def unclear(self, name: str, value: object, wanted: str) -> ModelError:
        """Return the error for an argument whose value is not understood. wanted: what would be."""
        return ModelError(
            f"{self._config.where}: {self.place} ({self.target}): {name} must be {wanted}, got {shown(value)}: "
            "only that is understood; choose another bundle"
        )


def parts_of(config: BundleConfig, name: str) -> list[Part]:
    """Return the parts of an entry that is a list of them or a `Compose` of one; none where there is no such entry."""
    found = config.entry(name)
    if isinstance(found, Mapping):
        composed = Part(config, found, name)
        if composed.name != "Compose":
            return [composed]
        found = config.opened(found.get("transforms"), f"{name}: transforms")
    if found is None:
        return []
    if not isinstance(found, list):
        raise ModelError(
            f"{config.where}: {name} must be a list of transforms, got {shown(found)}: correct it there"
        )
    return [Part(config, one, f"{name}[{number}]") for number, one in enumerate(found)]


def known_name(part: Part, known: Iterable[str]) -> str | None:
    """Return the one of the known transforms that a part is, in whatever form for dictionaries; None for another."""
    name = part.name
    forms = (name, *(name.removesuffix(mark) for mark in ("d", "D", "Dict") if name.endswith(mark)))
    return next((form for form in forms if form in known), None)
