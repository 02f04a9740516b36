"""Which program a model comes from, and its way into the user's models."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.monai.program import Monai
from LiverTumorAttentionLib.conversion.nnunet.program import NNUNet
from LiverTumorAttentionLib.conversion.publication import add_publication
from LiverTumorAttentionLib.conversion.questions import ImportQuestions
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.catalogue import add_model
from LiverTumorAttentionLib.models.model_files import ModelFiles
from LiverTumorAttentionLib.models.package import ModelPackage
from LiverTumorAttentionLib.models.public_models import published_as
from LiverTumorAttentionLib.progress import Progress


class Program(Protocol):
    """A program whose models are converted."""

    name: str
    """What messages call it."""
    marks: str
    """By which files its models are known, in words."""

    def recognizes(self, files: ModelFiles) -> bool:
        """Return whether the files are a model of it."""

    def questions(self, files: ModelFiles, answers: ImportAnswers) -> ImportQuestions:
        """Return what a model leaves open. Raises `ModelError` where it cannot be read."""

    def convert(self, files: ModelFiles, answers: ImportAnswers, folder: Path, progress: Progress) -> None:
        """Write a model in this program's format into an empty folder. Raises `ModelError` and `Cancelled`."""


PROGRAMS: tuple[Program, ...] = (NNUNet(2), NNUNet(1), Monai())
"""In the order in which they are asked."""


def add_any_model(
    path: Path, answers: ImportAnswers | None = None, progress: Progress | None = None
) -> ModelPackage:
    """Install a model of this program or of another, converted, and return it.

    path: its folder or a zip of it. answers: what its files do not say. Of a file that the catalogue lists with this
    checksum, the model says its publisher, licence and training data.
    Raises `ModelError` where it is damaged, not known, or leaves open what has to be answered, and what `add_model`
    raises; then nothing is installed.
    """
    answers, progress = answers or ImportAnswers(), progress or Progress()
    files = _files(path)
    program = _program(files)
    if program is None:
        if answers != ImportAnswers():
            raise ModelError(
                f"{path} is a model of LiverTumorAttention, which says everything itself: leave out --channel, --label "
                "and the other options of models of other programs"
            )
        return add_model(path, progress)
    with tempfile.TemporaryDirectory(prefix="liver-tumor-attention-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        program.convert(files, answers, folder, progress.part(0.0, 0.8, f"converting from {program.name}"))
        published = published_as(path)
        if published is not None:
            add_publication(folder, published)
        return add_model(folder, progress.part(0.8, 1.0))


def import_questions(path: Path, answers: ImportAnswers | None = None) -> ImportQuestions:
    """Return what a model leaves open; a model of this program leaves nothing. Raises `ModelError` as above."""
    files = _files(path)
    program = _program(files)
    if program is None:
        return ImportQuestions(program="")
    return program.questions(files, answers or ImportAnswers())


def _program(files: ModelFiles) -> Program | None:
    """Return the program that a model comes from; None for this one. Raises `ModelError` where it is not known."""
    own = [n for n in files.names() if n.split("/")[-1] == DESCRIPTION_FILE and n.count("/") <= 1]
    if own and (not files.is_folder or DESCRIPTION_FILE in own):
        return None
    for program in PROGRAMS:
        if program.recognizes(files):
            return program
    known = "; ".join(f"of {program.name} {program.marks}" for program in PROGRAMS)
    raise ModelError(
        f"{files.path} holds no model that is known here (of LiverTumorAttention {DESCRIPTION_FILE}; {known}): choose "
        "the folder or zip of a model"
    )


def _files(path: Path) -> ModelFiles:
    return ModelFiles(path)
