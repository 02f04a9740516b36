"""The buttons Side by side and Linked: baseline and follow-up in two views, centered on the lesions of a pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.linked_slices import LinkedSlices
from LiverTumorAttentionGui.scene.slice_views import jump_to
from LiverTumorAttentionGui.scene.view_layout import View, ViewLayout
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate

if TYPE_CHECKING:
    from LiverTumorAttentionGui.scene.study import Study

LAYOUT_ID = 27182
VIEWS = {"baseline": "LTABaseline", "followup": "LTAFollowUp"}
"""Tags of the views by time point."""


class FollowUpViews:
    """The layout of both time points while the button is checked, linked while the other one is.

    studies: returns baseline and follow-up, None where one is missing; raises `PanelError`. transform: returns the
    registration of the follow-up onto the baseline, None without one. say: shows a message.
    """

    def __init__(
        self,
        button: Any,
        link_button: Any,
        studies: Callable[[], tuple[Study, Study] | None],
        transform: Callable[[], slicer.vtkMRMLTransformNode | None],
        say: Callable[..., None],
    ) -> None:
        self._button, self._link_button = button, link_button
        self._studies, self._transform, self._say = studies, transform, say
        self._layout: ViewLayout | None = None
        self._linked: LinkedSlices | None = None
        self._update = ProgrammaticUpdate()
        self._connections = Connections(
            (button, "toggled(bool)", self._toggled), (link_button, "toggled(bool)", self._link_toggled)
        )

    def jump(self, places: Mapping[str, Sequence[float] | None]) -> None:
        """Center each view on its lesion; all views on that of the follow-up, else of the baseline, without the layout.

        places: LPS mm in the world by time point; None where there is no lesion: a linked view shows where it would be.
        """
        known = {visit: (-lps[0], -lps[1], lps[2]) for visit, lps in places.items() if lps is not None}
        if self._layout is None:
            ras = known.get("followup") or known.get("baseline")
            if ras is not None:
                jump_to(slicer.mrmlScene, ras)
        elif self._linked is not None:
            self._linked.center(known.get("baseline"), known.get("followup"))
        else:
            for visit, ras in known.items():
                self._layout.jump(VIEWS[visit], ras)

    def link(self) -> None:
        """Link the views anew, by the transform as it is now, where they are shown and the button is checked."""
        if self._linked is not None:
            self._linked.leave()
            self._linked = None
        node = self._transform()
        if self._layout is None or node is None or not self._link_button.checked:
            return
        first, second = (self._layout.slice_node(tag) for tag in VIEWS.values())
        if first is not None and second is not None:
            self._linked = LinkedSlices(first, second, node.GetTransformFromParent())

    def leave(self) -> None:
        """Show the layout of before."""
        layout, self._layout = self._layout, None
        if layout is not None:
            layout.hide()
        if self._linked is not None:
            self._linked.leave()
            self._linked = None
        with self._update.running():
            self._button.checked = False

    def disconnect(self) -> None:
        """Leave the layout and disconnect the buttons."""
        self.leave()
        self._connections.disconnect()

    def _toggled(self, on: bool) -> None:
        if self._update.active:
            return
        try:
            studies = self._studies() if on else None
        except PanelError as error:
            self._say(str(error), error=True)
            studies = None
        if studies is None:
            self.leave()
            return
        self._layout = ViewLayout(studies[1].segmentation.GetScene(), LAYOUT_ID)
        views = [
            View(VIEWS["baseline"], "B", "#4a90d9", studies[0].portal),
            View(VIEWS["followup"], "F", "#d9534a", studies[1].portal),
        ]
        self._layout.show(views, linked=False)
        self.link()

    def _link_toggled(self, _on: bool) -> None:
        self.link()
