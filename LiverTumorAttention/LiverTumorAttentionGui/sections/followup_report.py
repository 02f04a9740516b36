"""The report of a follow-up: files that a run made, written where a person wants them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.errors import as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.report import page_path
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.comparison import SceneComparison
    from LiverTumorAttentionGui.review.said import Said


def check_report(chosen: str) -> list[Path]:
    """Return the paths of page, table and numbers. Raises `PanelError` where they cannot be written."""
    from LiverTumorAttentionGui.review.report_run import ReportFiles
    from LiverTumorAttentionLib.io import check_writable

    paths = list(ReportFiles.beside(page_path(chosen)).by_option().values())
    with as_panel_error():
        for path in paths:
            check_writable(path, name="report")
    return paths


@dataclass(frozen=True, kw_only=True)
class MadeReport:
    """Files, by their suffix, of the follow-up with the id `node`, made when `said` was said of segmentations with the
    checksums `of`."""

    node: str
    said: Said
    of: dict[str, str]
    files: dict[str, bytes]

    def is_of(self, comparison: SceneComparison, checksums: dict[str, str]) -> bool:
        """Whether they are of what is there now."""
        now = comparison.followup.GetID(), comparison.state.said, checksums
        return (self.node, self.said, self.of) == now

    def written(self, chosen: str) -> str:
        """Write page, table and numbers, or none of them; return the message for it. Raises `PanelError`."""
        from LiverTumorAttentionLib.io import replacing_all

        paths = check_report(chosen)
        with as_panel_error(), replacing_all(paths, name="report") as temporary:
            for path in paths:
                temporary[path].write_bytes(self.files[path.suffix])
        return _("{path} is written, with its numbers as CSV and JSON beside it. {notice}").format(
            path=paths[0], notice=NOT_FOR_CLINICAL_USE
        )
