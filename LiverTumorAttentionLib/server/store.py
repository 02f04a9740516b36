"""Folder of a server: volumes that arrive, and a folder a job. What an earlier run left in it is deleted first.

Files and folders are named by numbers of the server's own: nothing that a client says becomes part of a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.cohort.folder import LOCK_FILE, locked
from LiverTumorAttentionLib.errors import OutputError
from LiverTumorAttentionLib.io import check_contents, making_folder
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.remote.protocol import VolumeHeader
from LiverTumorAttentionLib.server.refusal import Refusal, unknown
from LiverTumorAttentionLib.wording import size_in_words

UPLOADS, JOBS = "uploads", "jobs"
MOST_UPLOADS = 1000
_FULL, _DAMAGED, _ELSEWHERE, _TOO_LARGE, _TOO_MANY = 507, 422, 409, 413, 429


@dataclass(kw_only=True)
class Upload:
    """A volume that arrives. received: bytes so far. heard: when its client last spoke of it."""

    header: VolumeHeader
    path: Path
    received: int = 0
    heard: float = field(default_factory=time.monotonic)
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def whole(self) -> bool:
        """Whether all of it is here; its checksum was right then."""
        return self.received == self.header.byte_count


class Store:
    """Volumes and jobs' folders. Used by the server's event loop alone. most_bytes: of all of them."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._numbers = itertools.count(1)
        self._uploads: dict[tuple[int, str], Upload] = {}
        self._job_bytes: dict[Path, int] = {}

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Keep the folder for this run, and leave nothing in it.

        Raises `OutputError` where it cannot be written or holds anything else, `InputError` where another run has it.
        """
        with making_folder(self._folder, name="folder of the server", parents=True), locked(self._folder):
            check_contents(self._folder, (UPLOADS, JOBS, LOCK_FILE), "folder of the server")
            try:
                os.chmod(self._folder, 0o700)
                self._clear()
                for name in (UPLOADS, JOBS):
                    (self._folder / name).mkdir(mode=0o700)
            except OSError as error:
                raise OutputError(
                    f"the folder of the server '{self._folder}' cannot be used ({reason(error).lower()}): choose "
                    "another by --folder"
                ) from error
            try:
                yield
            finally:
                self._clear()

    @property
    def used_bytes(self) -> int:
        """What volumes, as they were announced, and results take."""
        return sum(upload.header.byte_count for upload in self._uploads.values()) + sum(
            self._job_bytes.values()
        )

    def announce(self, owner: int, identifier: str, header: VolumeHeader) -> Upload:
        """Begin to take a volume; one that was announced alike before is gone on with. Raises `Refusal`."""
        known = self._uploads.get((owner, identifier))
        if known is not None:
            if known.header != header:
                raise Refusal(
                    _ELSEWHERE, "this volume was announced differently before: draw a new identifier"
                )
            known.heard = time.monotonic()
            return known
        if header.byte_count > self._most_bytes:
            raise Refusal(
                _TOO_LARGE,
                f"the volume has {size_in_words(header.byte_count)}, and this server takes at most "
                f"{size_in_words(self._most_bytes)}: crop it to the liver, or compute on your own computer",
            )
        if self.used_bytes + header.byte_count > self._most_bytes or len(self._uploads) >= MOST_UPLOADS:
            raise Refusal(
                _FULL, "the server is full of other cases: try again later, or compute on your own computer"
            )
        path = self._folder / UPLOADS / f"{next(self._numbers)}"
        path.touch(mode=0o600)
        upload = self._uploads[owner, identifier] = Upload(header=header, path=path)
        return upload

    def upload(self, owner: int, identifier: str) -> Upload:
        """Return a volume that was announced. Raises `Refusal`."""
        found = self._uploads.get((owner, identifier))
        if found is None:
            raise unknown("volume")
        found.heard = time.monotonic()
        return found

    def append(self, upload: Upload, offset: int, piece: bytes) -> None:
        """Take the next bytes of a volume. Those that are here already are passed over. Raises `Refusal`.

        A volume whose checksum is wrong at its end is taken from the beginning again.
        """
        if offset > upload.received or offset + len(piece) > upload.header.byte_count:
            raise Refusal(
                _ELSEWHERE,
                f"bytes from {offset} on were sent, and {upload.received} are here: send those that follow",
            )
        fresh = piece[upload.received - offset :]
        try:
            with upload.path.open("r+b") as file:
                file.seek(upload.received)
                file.write(fresh)
        except OSError as error:
            raise Refusal(
                _FULL, f"the disk of the server takes no more ({reason(error).lower()}): try again later"
            ) from error
        upload.received += len(fresh)
        upload.digest.update(fresh)
        if upload.whole and upload.digest.hexdigest() != upload.header.sha256:
            upload.received, upload.digest = 0, hashlib.sha256()
            raise Refusal(_DAMAGED, "the volume arrived damaged, by its checksum: send it again")

    def take(self, owner: int, identifiers: list[str], folder: Path, names: list[str]) -> None:
        """Move whole volumes into a job's folder, under names of the server's own. Raises `Refusal`."""
        uploads = [self.upload(owner, identifier) for identifier in identifiers]
        if len(set(identifiers)) < len(identifiers):
            raise Refusal(_DAMAGED, "one volume is given as two phases: send each by itself")
        for upload in uploads:
            if not upload.whole:
                raise Refusal(_ELSEWHERE, "a volume has not arrived as a whole: send the rest of it first")
        for identifier, upload, name in zip(identifiers, uploads, names, strict=True):
            os.replace(upload.path, folder / name)
            del self._uploads[owner, identifier]
        self._job_bytes[folder] = sum(upload.header.byte_count for upload in uploads)

    def new_job_folder(self) -> Path:
        """Make the folder of a job."""
        folder = self._folder / JOBS / f"{next(self._numbers)}"
        folder.mkdir(mode=0o700)
        self._job_bytes[folder] = 0
        return folder

    def measure(self, folder: Path) -> None:
        """Count anew what a job's folder takes."""
        self._job_bytes[folder] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def remove_job_folder(self, folder: Path) -> None:
        """Delete a job's folder with all that is in it."""
        shutil.rmtree(folder, ignore_errors=True)
        self._job_bytes.pop(folder, None)

    def drop(self, owner: int, identifier: str) -> None:
        """Delete a volume, if it is there."""
        found = self._uploads.pop((owner, identifier), None)
        if found is not None:
            found.path.unlink(missing_ok=True)

    def drop_older(self, seconds: float) -> None:
        """Delete the volumes that nobody has spoken of for so long."""
        limit = time.monotonic() - seconds
        for owner, identifier in [key for key, each in self._uploads.items() if each.heard < limit]:
            self.drop(owner, identifier)

    def _clear(self) -> None:
        for name in (UPLOADS, JOBS):
            shutil.rmtree(self._folder / name, ignore_errors=True)
