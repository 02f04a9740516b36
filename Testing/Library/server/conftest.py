"""A server in a thread of this process, with the stub in place of the networks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.remote.address import ServerAddress

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from LiverTumorAttentionLib.server.run import serve
from LiverTumorAttentionLib.server.settings import ServerSettings
from Testing.Library.server.stub import RUNNER, ThreadEngine


@dataclass(kw_only=True)
class Running:
    """A server that runs. port: where. folder: what it keeps."""

    port: int
    folder: Path
    engine: Any
    stop: Callable[[], None]
    url: str
    token_file: str | None = None
    certificate: str | None = None

    @property
    def address(self) -> ServerAddress:
        return ServerAddress(url=self.url, token_file=self.token_file, certificate=self.certificate)

    def kept(self) -> list[str]:
        """Names of the files that the server holds."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and path.name != ".lock"
        )


@contextlib.contextmanager
def running_server(folder: Path, engine: Any = None, **changes: Any) -> Iterator[Running]:
    """Run a server until the block ends; raises what ended it before that.

    engine: its name, for one that the server makes itself by its settings.
    """
    if isinstance(engine, str):
        changes["engine"], engine = engine, None
    else:
        engine = engine or ThreadEngine()
    stop, ready = threading.Event(), threading.Event()
    told: list[tuple[str, int]] = []
    errors: list[BaseException] = []
    settings = ServerSettings(**{"port": 0, "folder": str(folder), "runner": RUNNER, **changes})

    def on_ready(url: str, port: int) -> None:
        told.append((url, port))
        ready.set()

    def work() -> None:
        try:
            serve(settings, Progress(None, stop.is_set), on_ready, engine=engine)
        except LiverTumorAttentionError as error:
            errors.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(60)
    try:
        if told:
            url, port = told[0]
            yield Running(
                port=port,
                folder=folder,
                engine=engine,
                stop=stop.set,
                url=url.replace("127.0.0.1", "localhost") if settings.certificate else url,
                token_file=settings.token_file,
                certificate=settings.certificate,
            )
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server of this computer alone."""
    with running_server(tmp_path / "server") as running:
        yield running


def tiny_volume(seed: int = 0) -> sitk.Image:
    """Soft tissue in air with something bright, 20 x 24 x 16 voxels on an oblique grid whose numbers are not round."""
    draw = np.random.default_rng(seed)
    voxels = np.full((16, 24, 20), -1000, np.int16)
    voxels[2:14, 3:21, 3:17] = draw.integers(80, 110, (12, 18, 14))
    voxels[6:9, 8:12, 8 : 11 + seed % 4] = 160
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1 / 3, 0.7, 2.1 + seed / 7))
    image.SetOrigin((-10.1, 20.2, 1e-3 / 3))
    angle = 0.1
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    image.SetDirection((cosine, -sine, 0.0, sine, cosine, 0.0, 0.0, 0.0, 1.0))
    return image


@pytest.fixture
def portal(tmp_path: Path) -> Path:
    """The file of a tiny volume."""
    path = tmp_path / "SMITH^JOHN.nrrd"
    write_image(path, tiny_volume())
    return path
