"""A folder of generated cases in the layout "plain", one folder a seed, filled resumably.

    DIR/cohort.json        the settings; a cohort is only ever continued with the same ones
    DIR/phantom-100000/    the files of a case
    DIR/phantom-100001/    ...

A case depends on its seed and the settings alone, so a cohort can be continued, lengthened, or made in parts.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import making_folder, replacing
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted
from training.data.layouts.files import read_json
from training.parallel import each

Settings = TypeVar("Settings")


@dataclass(frozen=True, kw_only=True)
class CohortKind(Generic[Settings]):
    """What the cohorts of one generator have in common."""

    name: str
    """Of a case, such as "phantom"; its folder is <name>-<seed>."""
    settings: type[Settings]
    """A dataclass that JSON can hold."""
    files: Sequence[str]
    """Of a complete case."""

    def case_folder(self, folder: Path, seed: int) -> Path:
        """Return the folder of the case of a seed."""
        return folder / f"{self.name}-{seed}"

    def is_complete(self, case: Path) -> bool:
        """Whether every file of a case is there."""
        return all((case / name).is_file() for name in self.files)

    def fill(
        self,
        folder: Path,
        settings: Settings,
        write_case: Callable[[Path, Settings, int], None],
        *,
        count: int,
        seed: int,
        same_as: Settings | None = None,
        processes: int | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Write the cases of `count` seeds from `seed` on that are missing; return their number.

        write_case: a function of a module, given the folder of a case, the settings and the seed.
        same_as: the settings as an earlier version wrote them; a cohort with these goes on with `settings`.
        Raises `InputError` for settings that differ from those of the cohort in the folder, and, when all others are
        written, for cases that could not be made; `OutputError` when the folder cannot be written; `Cancelled`.
        """
        if count < 1 or seed < 0:
            raise InputError(
                f"a cohort needs at least one {self.name} and a seed from 0, got {count} from seed {seed}"
                ": give larger numbers"
            )
        with making_folder(folder, name="cohort", parents=True):
            self._check_settings(folder, settings, same_as)
        seeds = range(seed, seed + count)
        missing = [number for number in seeds if not self.is_complete(self.case_folder(folder, number))]
        work = functools.partial(_write_seed, self, write_case, folder, settings)
        failed: list[str] = []
        for place, result in each(work, missing, processes=processes, progress=progress, name=str):
            if isinstance(result, Exception):
                failed.append(f"{missing[place]} ({result})")
        if failed:
            raise InputError(
                f"{counted(len(failed), f'{self.name} case')} could not be made, seed {failed[0]}: "
                "run the command again"
            )
        return len(missing)

    def _check_settings(self, folder: Path, settings: Settings, same_as: Settings | None) -> None:
        """Write the settings of a new cohort; raise `InputError` when the folder's cohort has others."""
        path = folder / "cohort.json"
        new: dict[str, Any] = asdict(settings)  # type: ignore[call-overload]
        if path.is_file():
            there = from_mapping(self.settings, read_json(path), where=f"'{path}'")
            old: dict[str, Any] = asdict(there)  # type: ignore[call-overload]
            other = [name for name in new if new[name] != old[name]]
            taken_over = same_as is not None and old == asdict(same_as)  # type: ignore[call-overload]
            if other and not taken_over:
                name = other[0]
                raise InputError(
                    f"'{folder}' holds {self.name} cases with {name} {_shown(old[name])}, not {_shown(new[name])}: "
                    "ask for the same, or choose another folder"
                )
            if not other:
                return
        elif any(folder.glob(f"{self.name}-*")):
            raise InputError(
                f"'{folder}' holds {self.name} cases, but no cohort.json with their settings: choose another"
            )
        with replacing(path, name="cohort") as temporary:
            temporary.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


def _write_seed(
    kind: CohortKind[Settings],
    write_case: Callable[[Path, Settings, int], None],
    folder: Path,
    settings: Settings,
    seed: int,
) -> None:
    write_case(kind.case_folder(folder, seed), settings, seed)


def _shown(value: Any) -> str:
    return "drawn" if value in (None, ()) else str(value)
