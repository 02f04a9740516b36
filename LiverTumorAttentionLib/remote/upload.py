"""Sending of a volume in pieces: after a cut it goes on where the server is."""

from __future__ import annotations

from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.errors import RemoteError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.remote.connection import Connection, Refused
from LiverTumorAttentionLib.remote.protocol import CHUNK_BYTES
from LiverTumorAttentionLib.remote.voxels import packed

MOST_TRIES = 3
"""How often a volume is sent whose checksum is another one at the server."""
_ELSEWHERE, _DAMAGED = 409, 422


def upload(connection: Connection, identifier: str, image: sitk.Image, progress: Progress) -> None:
    """Send a volume (HU) under an identifier. Raises `RemoteError` and `Cancelled`."""
    header, content = packed(image)
    path = f"/v1/uploads/{identifier}"
    received = _received(connection.json("PUT", path, header.to_dict(), check=progress.check), connection)
    tries = 1
    while received < len(content):
        progress.update(received / len(content), f"{received >> 20} of {len(content) >> 20} MiB")
        piece = content[received : received + CHUNK_BYTES]
        place = f"{path}/voxels?offset={received}"
        try:
            answer = connection.exchange("PUT", place, piece, check=progress.check)
            received = _received(connection.parsed(answer), connection)
        except Refused as refusal:
            if refusal.status not in (_ELSEWHERE, _DAMAGED):
                raise
            tries += refusal.status == _DAMAGED
            if tries > MOST_TRIES:
                raise RemoteError(
                    f"the volume arrived damaged {MOST_TRIES} times: check the network to {connection.url}"
                ) from refusal
            received = _received(connection.json("GET", path, check=progress.check), connection)


def _received(values: Any, connection: Connection) -> int:
    """Return how many bytes the server has, as it says."""
    received = values.get("received") if isinstance(values, dict) else None
    if not isinstance(received, int) or received < 0:
        raise connection.strange("it does not say how much it has received")
    return received
