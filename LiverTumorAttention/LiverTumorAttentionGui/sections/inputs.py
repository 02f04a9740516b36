"""The section Inputs: volumes and model, and where models are managed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LiverTumorAttentionGui.model_collection import ModelChoice
from LiverTumorAttentionGui.parameters import SegmentationParameters


class InputsSection:
    """Keeps the list of models, and opens the dialog that changes it.

    models: lists the installed models. model_manager: makes the dialog for models over a widget, and has it call
    `on_changed` when models came or went. say: tells the user what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        *,
        models: Callable[[], list[ModelChoice]],
        model_manager: Callable[..., Any],
        say: Callable[..., None],
    ) -> None:
        self._ui = ui
        self._list_models = models
        self._make_manager = model_manager
        self._manager: Any = None
        self._say = say
        self._parameters: SegmentationParameters | None = None
        self._models: list[ModelChoice] = []
        self._filling = False
        ui.modelComboBox.connect("currentIndexChanged(int)", self._chosen)
        ui.manageModelsButton.connect("clicked(bool)", self._manage_clicked)

    def disconnect(self) -> None:
        """Let go of the widgets."""
        self._ui.modelComboBox.disconnect("currentIndexChanged(int)", self._chosen)
        self._ui.manageModelsButton.disconnect("clicked(bool)", self._manage_clicked)

        if self._manager is not None:
            self._manager.cleanup()
            self._manager = None

    def chosen_model(self) -> str:
        """Return the chosen model's id; empty when it is not installed."""
        known = {model.id for model in self._models}
        chosen = self._parameters.model if self._parameters is not None else ""
        return chosen if chosen in known else ""

    def update(self, parameters: SegmentationParameters | None) -> None:
        """Show the choices that are kept in the scene."""
        self._parameters = parameters
        if parameters is None:
            return
        if not parameters.model and self._models:
            parameters.model = self._models[0].id
        self._ui.modelComboBox.setCurrentIndex(self._ui.modelComboBox.findData(parameters.model))
        chosen = [model for model in self._models if model.id == parameters.model]
        self._ui.statementLabel.text = chosen[0].statement if chosen else ""
        self._ui.statementLabel.visible = bool(chosen)

    def fill(self) -> None:
        """List the installed models."""
        try:
            self._models = self._list_models()
        except Exception as error:  # a broken installation must not take the panel with it
            self._models = []
            self._say(f"The models cannot be listed ({error}): install the extension again.", error=True)
        self._filling = True
        try:
            self._ui.modelComboBox.clear()
            for model in self._models:
                self._ui.modelComboBox.addItem(model.title, model.id)
        finally:
            self._filling = False

    def _chosen(self, _index: int) -> None:
        chosen = self._ui.modelComboBox.currentData
        if not self._filling and self._parameters is not None and chosen is not None:
            self._parameters.model = chosen

    def _manage_clicked(self, _checked: bool = False) -> None:
        if self._manager is None:
            self._manager = self._make_manager(self._ui.inputsButton, on_changed=self._models_changed)
        self._manager.open()

    def _models_changed(self) -> None:
        self.fill()
        parameters = self._parameters
        if parameters is not None and parameters.model not in {model.id for model in self._models}:
            parameters.model = self._models[0].id if self._models else ""
        self.update(parameters)
