"""The section Inputs: volumes and model; opens the dialog Models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.model_collection import ModelChoice
from LiverTumorAttentionGui.parameters import SegmentationParameters
from LiverTumorAttentionGui.scene.input_volumes import derived_ids, input_volumes
from LiverTumorAttentionGui.scene.phase_choice import INPUT_TITLES, choose_phases
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate

FURTHER_PHASES = ("delayed", "native")
"""Inputs that few cases have; their selectors are folded away."""
MODEL_TIP = _("The trained model that segments.")


class ModelManager(Protocol):
    """The dialog that imports, verifies and removes models."""

    def open(self) -> None:
        """Show the dialog."""

    def cleanup(self) -> None:
        """Close the dialog and disconnect it."""


class InputsSection:
    """Keeps the list of models.

    models: lists the installed models. model_manager: makes the dialog for models over a parent widget; the dialog
    calls `on_changed` when models were added or removed. say: shows a message.
    """

    def __init__(
        self,
        ui: Any,
        *,
        models: Callable[[], list[ModelChoice]],
        model_manager: Callable[..., ModelManager],
        say: Callable[..., None],
    ) -> None:
        self._ui = ui
        self._list_models = models
        self._make_manager = model_manager
        self._manager: ModelManager | None = None
        self._say = say
        self._parameters: SegmentationParameters | None = None
        self._models: list[ModelChoice] = []
        self._update = ProgrammaticUpdate()
        self._connections = Connections(
            (ui.modelComboBox, "currentIndexChanged(int)", self._model_chosen),
            (ui.manageModelsButton, "clicked(bool)", self._manage_clicked),
        )

    def disconnect(self) -> None:
        """Disconnect the widgets and close the dialog."""
        self._connections.disconnect()
        if self._manager is not None:
            self._manager.cleanup()
            self._manager = None

    def chosen_model(self) -> str:
        """Return the id of the chosen model; empty when it is not installed."""
        known = {model.id for model in self._models}
        chosen = self._parameters.model if self._parameters is not None else ""
        return chosen if chosen in known else ""

    def has_operating_points(self) -> bool:
        """Whether the chosen model gives findings a lesion probability."""
        chosen = self.chosen_model()
        return any(model.has_operating_points for model in self._models if model.id == chosen)

    def missing_phase(self) -> str:
        """Return which phase the chosen model needs that is not chosen, in one sentence; empty when none is missing."""
        parameters, chosen = self._parameters, self.chosen_model()
        for model in self._models if parameters is not None else ():
            for phase in model.needs if model.id == chosen else ():
                if getattr(parameters, phase) is None:
                    return _(
                        "The model {title} needs the {phase} phase: choose its CT too, or another model."
                    ).format(title=model.title, phase=phase)
        return ""

    def update(self, parameters: SegmentationParameters | None) -> None:
        """Show the choices of the parameter node."""
        self._parameters = parameters
        if parameters is None:
            return
        if not parameters.model and self._models:
            parameters.model = self._models[0].id
        self._hide_results(parameters)
        if any(getattr(parameters, phase) is not None for phase in FURTHER_PHASES):
            self._ui.furtherPhasesGroupBox.collapsed = False  # what takes time in a run stays in sight
        self._ui.modelComboBox.setCurrentIndex(self._ui.modelComboBox.findData(parameters.model))
        chosen = [model for model in self._models if model.id == parameters.model]
        self._ui.statementLabel.text = chosen[0].statement if chosen else ""
        self._ui.statementLabel.visible = bool(chosen)
        self._ui.modelComboBox.toolTip = f"{MODEL_TIP}\n{chosen[0].title}" if chosen else MODEL_TIP

    def choose_phases(self) -> None:
        """Choose the phases among the volumes of the scene where none is chosen, and say why."""
        parameters = self._parameters
        if parameters is None or any(getattr(parameters, role) is not None for role in INPUT_TITLES):
            return
        volumes = input_volumes(slicer.mrmlScene)
        if not volumes:
            return
        try:
            choice = choose_phases(volumes)
        except (
            Exception
        ):  # a volume that cannot be measured, or packages that are still missing: the user chooses
            logging.exception("Liver Tumor Attention: the phases could not be told")
            return
        if choice.volumes:
            for role in reversed(
                INPUT_TITLES
            ):  # the portal one last: it is what the rest of the panel follows
                setattr(parameters, role, choice.volumes.get(role))
            self._say(" ".join([*choice.reasons, _("Look at both before you segment.")]))

    def _hide_results(self, parameters: SegmentationParameters) -> None:
        """Leave registered volumes and probabilities out of the lists, but for one that is chosen."""
        for name in INPUT_TITLES:
            chosen = getattr(parameters, name)
            hidden = [
                each for each in derived_ids(slicer.mrmlScene) if chosen is None or each != chosen.GetID()
            ]
            model = getattr(self._ui, f"{name}Selector").sortFilterProxyModel()
            if list(model.hiddenNodeIDs) != hidden:
                model.hiddenNodeIDs = hidden

    def fill(self) -> None:
        """List the installed models."""
        try:
            self._models = self._list_models()
        except Exception as error:  # a broken installation must not take the panel with it
            self._models = []
            self._say(
                _("The models cannot be listed ({error}): install the extension again.").format(error=error),
                error=True,
            )
        with self._update.running():
            self._ui.modelComboBox.clear()
            for model in self._models:
                self._ui.modelComboBox.addItem(model.title, model.id)

    def _model_chosen(self, _index: int) -> None:
        chosen = self._ui.modelComboBox.currentData
        if not self._update.active and self._parameters is not None and chosen is not None:
            self._parameters.model = chosen

    def _manage_clicked(self, _checked: bool = False) -> None:
        if self._manager is None:
            # Not over the section itself: a run disables it, and with it all windows that belong to it.
            self._manager = self._make_manager(
                self._ui.inputsButton.window(), on_changed=self._models_changed
            )
        self._manager.open()

    def _models_changed(self) -> None:
        self.fill()
        parameters = self._parameters
        if parameters is not None and parameters.model not in {model.id for model in self._models}:
            parameters.model = self._models[0].id if self._models else ""
        self.update(parameters)
