"""Do again what a log tells, or go on from where it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.lesions import Lesion, Status
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.correction.session import CorrectionSession
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress


def replay(case: CorrectionCase, log: CorrectionLog, progress: Progress | None = None) -> CorrectionSession:
    """Return a session in which everything of a log was done again, from the segmentation that it began with.

    Raises `InputError` when the grid or the segmentation is another one, or when an action comes out differently than
    it did when it was logged: with other volumes, or by another version.
    """
    progress = progress or Progress()
    log.check_fits(case)
    times = iter([entry.time for entry in log.entries])
    session = CorrectionSession(case, clock=lambda: next(times))
    if case.start_checksum != log.start:
        raise InputError(
            "this is not the segmentation that the log of corrections begins with: give the one that was corrected"
        )
    for number, entry in enumerate(log.entries, start=1):
        progress.update((number - 1) / len(log.entries), entry.action.tool)
        session.do(entry.action, progress.part((number - 1) / len(log.entries), number / len(log.entries)))
        done = session.entries[-1:]
        if len(session.entries) != number or done[0].checksum != entry.checksum:
            raise InputError(
                f"action {number} of the log ({entry.action.tool}) came out differently than when it was logged: "
                "the volumes are not the same, or the log is from another version"
            )
    return session


def resume(case: CorrectionCase, log: CorrectionLog) -> CorrectionSession:
    """Return a session that goes on where a log ends. case.instances: the segmentation that was saved with it.

    Raises `InputError` when the log is about another grid, or knows lesions that the segmentation does not hold.
    """
    log.check_fits(case)
    session = CorrectionSession(case)
    records: dict[int, Lesion] = {}
    for known in log.lesions:
        there = session.lesions.get(known.number)
        box = known.region.box if known.region is not None else there.box if there is not None else None
        if box is None:
            raise InputError(
                f"the log of corrections knows lesion {known.number}, but the segmentation has none of this number: "
                "give the segmentation that was saved with the log"
            )
        record = Lesion(number=known.number, box=box, status=cast(Status, known.status), edited=known.edited)
        records[known.number] = replace(
            record, include=known.include, exclude=known.exclude, region=known.region
        )
    session.take_over(log.entries, records, next_number=log.next_number, start_checksum=log.start)
    return session
