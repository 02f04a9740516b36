"""The network that improves answers to clicks: its process, as the section Correct uses it."""

from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.errors import as_panel_error
from LiverTumorAttentionGui.process import click_child
from LiverTumorAttentionGui.process.child import LIBRARY, library_parent
from LiverTumorAttentionGui.process.child_process import python_executable

if TYPE_CHECKING:
    from LiverTumorAttentionLib.correction import ClickModel
    from LiverTumorAttentionLib.correction.click_network.click_process import ClickProcess

BUNDLED = library_parent() / LIBRARY / "data" / "clicks"
"""Folder of the model that ships with the library."""
ANSWERED = ("add", "line", "box", "lasso", "include", "exclude", "same_in_phase")
"""Tools whose clicks it answers, by the library's names."""


class ClickAnswers:
    """One process, started ahead of the first click, in Slicer's Python: the window itself never loads PyTorch.

    model: folder of a model of the kind "interaction"; None, or a folder that is not there, for none.
    """

    def __init__(self, model: Path | None) -> None:
        self._folder = model if model is not None and model.is_dir() else None

    @property
    def given(self) -> bool:
        """Whether there is a model."""
        return self._folder is not None

    @property
    def usable(self) -> bool:
        """Whether there is a model, and PyTorch to run it."""
        return self.given and importlib.util.find_spec("torch") is not None

    def start(self) -> None:
        """Start the process, and return before it is ready. Raises `PanelError`."""
        with as_panel_error():
            self._process.start()

    @property
    def waits(self) -> bool:
        """Whether the next click has to wait for the process."""
        return not self._process.ready

    @cached_property
    def model(self) -> ClickModel:
        """The model, answered for by the process. Raises `PanelError` where it cannot be read."""
        from LiverTumorAttentionLib.correction import ClickModel
        from LiverTumorAttentionLib.models.interaction_model import InteractionPackage

        if self._folder is None:
            raise ValueError("there is no model")
        with as_panel_error():
            package = InteractionPackage(self._folder)
        return ClickModel(id=package.id, sha256=package.description.sha256, predict=self._process)

    def close(self) -> None:
        """End the process."""
        if "_process" in self.__dict__:
            self._process.close()

    @cached_property
    def _process(self) -> ClickProcess:
        from LiverTumorAttentionLib.correction.click_network.click_process import ClickProcess

        return ClickProcess([python_executable(), str(Path(click_child.__file__)), str(self._folder)])
