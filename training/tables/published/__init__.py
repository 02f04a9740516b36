"""What the papers publish: the numbers of their tables, one YAML file a paper, as they are printed.

A row that the authors trained names its recipe. One that they quote, or that is no training, has `recipe: null` and
says why. A number that is only drawn, or whose place in the table is lost, is missing from `values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping, nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.yaml_values import read_yaml_file

FOLDER = Path(__file__).resolve().parent

MEASURES = (
    *("dice", "dice_global", "jaccard", "voe", "rvd", "tpr", "tnr", "precision", "f1", "accuracy"),
    *("assd", "hd", "hd95"),
    *("lesion_recall", "lesion_precision", "parameters"),
    *("lits_recall", "lits_precision", "lits_rvd", "lits_assd", "lits_rmsd", "lits_msd"),
)
"""What is measured, under the names of `LiverTumorAttentionLib.metrics`; a mean over cases but for "dice_global",
shares of lesions, and LiTS's own measures of tumors, which are means over all matched lesions."""
OBJECTS = ("liver", "tumor")
UNITS = {"%": 100.0, "ratio": 1.0, "mm": 1.0, "pixels": 1.0, "M": 1e-6}
"""What a score is multiplied by."""
BETTER = ("higher", "lower", "zero")
SLICES = ("shown", "marginal", "middle")
FACTS = ("tumor_type", "tumor_size", "phase", "scanner")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One column of a table."""

    name: str
    """As in the table, and as in the `values` of its rows."""
    measure: str
    """One of MEASURES."""
    of: str
    """"tumor" or "liver"."""
    unit: str
    """One of UNITS: a share in hundredths or as it is, a distance, millions."""
    better: str
    """"higher", "lower", or "zero" where the nearest to zero is best."""
    only: Mapping[str, str] = field(default_factory=dict)
    """Only cases with these facts, such as {"tumor_type": "FNH"}."""
    slices: str | None = None
    """Slices that show tumor ("shown"), where one ends ("marginal"), the others ("middle"); None is the volume."""
    per: str = "case"
    """Of slices: "case" scores those of a case together, "slice" each by itself."""
    count_empty: bool = False
    """Whether a case that shows nothing of the object counts in the mean, as 1 where nothing was found."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("measure", self.measure, MEASURES),
            ("of", self.of, OBJECTS),
            ("unit", self.unit, UNITS),
            ("better", self.better, BETTER),
            ("slices", self.slices or SLICES[0], SLICES),
            ("per", self.per, ("case", "slice")),
            *(("only", fact, FACTS) for fact in self.only),
        ):
            if value not in known:
                raise InputError(f"metric {self.name!r}: {name}: unknown {value!r}{nearest(value, known)}")

    @property
    def title(self) -> str:
        """Its name with its unit."""
        return self.name if self.unit == "ratio" else f"{self.name} ({self.unit})"


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One row of a table."""

    row: str
    """As in the table, without its references."""
    recipe: str | None
    """The recipe that trains it; None for what the authors did not train."""
    values: Mapping[str, float]
    """Numbers by the names of the metrics; those that cannot be read are missing."""
    sd: Mapping[str, float] = field(default_factory=dict)
    """Standard deviations over cases, where they are printed."""
    why: str = ""
    """Why there is no recipe."""
    note: str = ""
    """What is doubtful."""

    def __post_init__(self) -> None:
        if (self.recipe is None) != bool(self.why):
            raise InputError(
                f"row {self.row!r}: a row has either a recipe or a reason why it has none"
                ": give one of the two"
            )
        for name, value in [*self.values.items(), *self.sd.items()]:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"row {self.row!r}: {name} must be a number, got {value!r}: correct it")


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """A table of a paper, or a figure, or what its text says of one data set."""

    title: str
    """What it compares."""
    dataset: str
    """On which cases."""
    metrics: tuple[Metric, ...]
    """Its columns."""
    rows: tuple[PublishedRow, ...]
    """Its rows, in the paper's order."""
    note: str = ""
    """Doubts and remarks."""

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        rows = [row.row for row in self.rows]
        if len(set(names)) < len(names) or len(set(rows)) < len(rows):
            raise InputError(f"table {self.title!r}: two metrics or two rows have one name: rename one")
        for row in self.rows:
            for name in [*row.values, *row.sd]:
                if name not in names:
                    raise InputError(
                        f"table {self.title!r}, row {row.row!r}: unknown metric {name!r}{nearest(name, names)}"
                    )

    def row(self, name: str) -> PublishedRow:
        """Return the row of that name. Raises `InputError`, which names the nearest."""
        for row in self.rows:
            if row.row == name:
                return row
        known = [row.row for row in self.rows]
        raise InputError(f"the table {self.title!r} has no row {name!r}{nearest(name, known)}")


@dataclass(frozen=True, kw_only=True)
class PublishedPaper:
    """The tables of a paper."""

    paper: str
    """Its name in recipes."""
    citation: str
    """Authors, title, where and when."""
    tables: Mapping[str, PublishedTable]
    """By number, as `PaperRow.table` has it, in the paper's order."""


def published_papers(folder: Path = FOLDER) -> list[str]:
    """Return the names of the papers whose numbers are here."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_published(paper: str, folder: Path = FOLDER) -> PublishedPaper:
    """Return the published numbers of a paper.

    Raises `InputError` for an unknown paper (with the nearest known one) and for a file that does not hold what it
    should, naming the place.
    """
    path, known = folder / f"{paper}.yaml", published_papers(folder)
    if paper not in known:
        raise InputError(f"there are no published numbers of {paper!r}{nearest(paper, known)}")
    return published_from(read_yaml_file(path, "the published numbers"), paper)


def published_from(values: Mapping[str, Any], paper: str) -> PublishedPaper:
    """Return the published numbers of plain values. Raises `InputError` as `read_published` does."""
    where = f"published numbers of {paper!r}"
    read = from_mapping(PublishedPaper, values, where=where)
    if read.paper != paper:
        raise InputError(f"{where}: the file is about {read.paper!r}: rename it")
    tables = {
        number: from_mapping(PublishedTable, table, where=f"{where}: table {number}")
        for number, table in read.tables.items()
    }
    return PublishedPaper(paper=read.paper, citation=read.citation, tables=tables)
