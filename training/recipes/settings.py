"""The settings of a recipe, section by section."""

from __future__ import annotations

from dataclasses import dataclass, fields

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError

LOSSES = ("ce", "dice", "ce_dice", "weighted_ce", "boundary_enhanced")
PRECISIONS = ("float32", "bfloat16", "float16")
SCHEDULES = ("constant", "plateau", "poly", "cosine")
SPLITS = ("k-fold", "hold-out", "by-fact", "all")
REGISTRATIONS = ("library", "none", "known")
FIRST_WEIGHTS = ("drawn", "imagenet")


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """The row of a paper's table that a recipe reproduces."""

    paper: str
    """"dpcnet", "darn", "sfan", "context" or "paresseg"."""
    table: str
    """Number of the table in the paper, such as "4"."""
    row: str
    """The row as it is called in `training/tables/published/<paper>.yaml`."""


@dataclass(frozen=True, kw_only=True)
class PreparationSettings:
    """How a case is prepared, beside the stage's own grid, intensities and mask."""

    registration: str = "library"
    """How the arterial phase comes onto the portal one: "library" registers it, "none" takes it as it lies,
    "known" uses the case's known displacement (phantoms)."""

    def __post_init__(self) -> None:
        check_choice("preparation: registration", self.registration, REGISTRATIONS)


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """Which cases train and which test."""

    kind: str
    """"k-fold"; "hold-out", drawn `repeats` times; "by-fact": train on some values of a fact, test on others; or
    "all": every case trains, and what tests lies elsewhere (LiTS keeps the truth of its test volumes)."""
    folds: int = 5
    """Number of folds (k-fold)."""
    test_share: float = 0.2
    """Share of cases that test (hold-out)."""
    repeats: int = 1
    """How many hold-outs are drawn."""
    stratify_by: str | None = None
    """A fact of the cases whose values every part gets in like proportions, such as "tumor_type"."""
    fact: str | None = None
    """The fact that divides (by-fact), such as "scanner"."""
    train_values: tuple[str, ...] = ()
    """Values of the fact whose cases train."""
    test_values: tuple[str, ...] = ()
    """Values of the fact whose cases test."""

    def __post_init__(self) -> None:
        check_choice("split: kind", self.kind, SPLITS)
        check_at_least("split: folds", self.folds, 2)
        check_at_least("split: repeats", self.repeats, 1)
        if not 0 < self.test_share < 1:
            raise InputError(f"split: test_share must lie between 0 and 1, got {self.test_share:g}")
        if self.kind == "by-fact" and not (self.fact and self.train_values and self.test_values):
            raise InputError('split: "by-fact" needs fact, train_values and test_values')


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """What one training sample is cut from. A sample has the size of the stage's tile or patch unless said."""

    size: tuple[int, ...] | None = None
    """Rows and columns, or slices, rows and columns, of a sample; None is the stage's tile or patch."""
    foreground_share: float = 0.0
    """Share of samples that are certain to hold a voxel of a class other than background."""
    centre: str = "anywhere"
    """Where the other samples are centred: "anywhere", or "liver" for a voxel of the liver."""
    tumor_slices_only: bool = False
    """For networks that work on slices: only slices that show tumour."""
    either_phase: bool = False
    """For a network of one phase: a sample shows the portal or the arterial volume, with even chances, where a case
    has both. The truth is the same, since the arterial volume lies on the portal one."""
    samples_an_epoch: int | None = None
    """Samples that count as one epoch; None is one for every slice that may be drawn (2D), or one a case (3D)."""

    def __post_init__(self) -> None:
        if not 0 <= self.foreground_share <= 1:
            raise InputError(f"sampling: foreground_share must lie in [0, 1], got {self.foreground_share:g}")
        check_choice("sampling: centre", self.centre, ("anywhere", "liver"))
        if self.size is not None and (len(self.size) not in (2, 3) or min(self.size) < 8):
            raise InputError(f"sampling: size must be two or three numbers from 8 on, got {self.size}")
        if self.samples_an_epoch is not None:
            check_at_least("sampling: samples_an_epoch", self.samples_an_epoch, 1)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """What is done to a sample at random; the defaults do nothing."""

    rotation_degrees: float = 0.0
    """Largest rotation, about the slice axis (2D) or about every axis (3D)."""
    scale: float = 0.0
    """Largest relative change of size."""
    flips: tuple[str, ...] = ()
    """Axes that are mirrored with a chance of one half: "z", "y", "x"."""
    elastic_mm: float = 0.0
    """Standard deviation of a smooth random displacement."""
    elastic_wavelength_mm: float = 30.0
    """How far apart it changes."""
    brightness: float = 0.0
    """Standard deviation of a shift, in units of the network's input."""
    contrast: float = 0.0
    """Standard deviation of the logarithm of a factor about the sample's mean."""
    noise: float = 0.0
    """Largest standard deviation of added Gaussian noise, in units of the network's input."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, float) and value < 0:
                raise InputError(f"augmentation: {entry.name} must not be negative, got {value:g}")
        if self.scale >= 1:
            raise InputError(f"augmentation: scale must be below 1, got {self.scale:g}")
        if self.elastic_wavelength_mm <= 0:
            raise InputError("augmentation: elastic_wavelength_mm must be positive")
        for axis in self.flips:
            check_choice("augmentation: flips", axis, ("z", "y", "x"))


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """What is minimised."""

    kind: str
    """"ce", "dice" (squared denominators), "ce_dice", "weighted_ce" or "boundary_enhanced" (3D BE-loss)."""
    class_weights: tuple[float, ...] | None = None
    """One a class (weighted_ce); None weighs by the inverse frequency of the classes in the training cases."""
    dice_classes: str = "together"
    """Of "dice" and "ce_dice": "together" sums over all classes, as DPC-Net prints it; "each" averages theirs."""
    alpha: float = 1.0
    """Of the 3D BE-loss."""
    beta: float = 0.5
    """Of the 3D BE-loss."""
    inside: float = 0.8
    """W1 of the 3D BE-loss."""
    outside: float = 0.2
    """W2 of the 3D BE-loss."""

    def __post_init__(self) -> None:
        check_choice("loss: kind", self.kind, LOSSES)
        check_choice("loss: dice_classes", self.dice_classes, ("together", "each"))


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How weights move."""

    kind: str = "adam"
    """"adam", "adamw" or "sgd"."""
    learning_rate: float
    """At the start, or after the warm-up."""
    weight_decay: float = 0.0
    """Of the optimiser."""
    momentum: float = 0.0
    """Of SGD (Nesterov when positive)."""
    clip_norm: float | None = None
    """Largest norm of all gradients together; None clips nothing."""

    def __post_init__(self) -> None:
        check_choice("optimizer: kind", self.kind, ("adam", "adamw", "sgd"))
        if self.learning_rate <= 0:
            raise InputError(f"optimizer: learning_rate must be positive, got {self.learning_rate:g}")


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How long, and how the learning rate changes."""

    epochs: int
    """At most so many."""
    kind: str = "constant"
    """"constant"; "plateau": `factor` after `patience` epochs without a lower loss; "poly" with power 0.9; "cosine"."""
    warm_up_steps: int = 0
    """Steps over which the learning rate rises linearly first."""
    factor: float = 0.5
    """Of "plateau"."""
    patience: int = 10
    """Of "plateau", in epochs."""
    stop_patience: int | None = None
    """Stop after so many epochs without a lower loss; None never does."""
    stop_below: float | None = None
    """Stop when the learning rate has fallen below this."""

    def __post_init__(self) -> None:
        check_choice("schedule: kind", self.kind, SCHEDULES)
        check_at_least("schedule: epochs", self.epochs, 1)


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How a step is made."""

    batch: int
    """Samples a step, over all processes and accumulated parts together."""
    accumulate: int = 1
    """Parts that a process's share of a batch is computed in, for memory."""
    precision: str = "float32"
    """Of the network's forward pass: "float32", "bfloat16" or "float16" (scaled; CUDA alone)."""
    average_decay: float | None = None
    """Of a running average of the weights, which is then what is validated and exported; None keeps none."""
    validation_share: float = 0.0
    """Share of the training cases that are held out to choose the best weights; 0 keeps the last weights."""
    validate_every: int = 10
    """Epochs between validations."""
    save_every: int = 1
    """Epochs between checkpoints."""

    def __post_init__(self) -> None:
        check_choice("loop: precision", self.precision, PRECISIONS)
        for name in ("batch", "accumulate", "validate_every", "save_every"):
            check_at_least(f"loop: {name}", getattr(self, name), 1)
        if not 0 <= self.validation_share < 1:
            raise InputError(f"loop: validation_share must lie in [0, 1), got {self.validation_share:g}")


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What of a test case is scored."""

    tumor_slices_only: bool = False
    """Only slices whose truth shows tumour, each scored by itself in pixels (as the context network's authors do)."""
    keep: str = "raw"
    """"raw" scores the network's own labels; "postprocessed" what the pipeline would keep of them."""

    def __post_init__(self) -> None:
        check_choice("evaluation: keep", self.keep, ("raw", "postprocessed"))


def check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    """Raise `InputError` with the nearest known value for one that is not known."""
    if value not in known:
        raise InputError(f"{what}: unknown {value!r}{nearest(value, known)}")


def check_at_least(what: str, value: int, least: int) -> None:
    """Raise `InputError` for a number that is too small."""
    if value < least:
        raise InputError(f"{what} must be at least {least}, got {value}")
