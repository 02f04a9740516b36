"""Servers that are none, or answer what they should not: one sentence, and no file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.remote.address import ServerAddress
from LiverTumorAttentionLib.remote.segmentation import segment_remotely

Answer = Callable[[str, str], tuple[int, Any]]
ABOUT = {"version": __version__, "models": ["demonstration"]}
SHA = "0" * 64


@pytest.fixture
def answering() -> Iterator[Callable[[Answer], str]]:
    """Return what starts a server that answers by a function of method and path, and gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, values = answer(self.command, self.path)
                content = values if isinstance(values, bytes) else json.dumps(values).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://192.0.2.1/")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_DELETE = _answer  # names of http.server

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def done(files: list[dict[str, Any]]) -> Answer:
    """Return the answers of a server that says that a job is done at once, with these files of 3 bytes each."""

    def answer(method: str, path: str) -> tuple[int, Any]:
        if path == "/v1/server":
            return 200, ABOUT
        if "/uploads/" in path:
            return 200, {"received": 1 << 20}
        if "/results/" in path:
            return 200, b"abc"
        return 200, {"state": "done", "files": files}

    return answer


def result(**changes: Any) -> dict[str, Any]:
    return {"field": "output", "byte_count": 3, "sha256": SHA, "name": "", **changes}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda method, path: (200, b"<html>router</html>"), "is no server of this software"),
        (lambda method, path: (404, b"not found"), "is no server of this software .status 404"),
        (lambda method, path: (302, b""), "is no server of this software .status 302"),
        (lambda method, path: (200, [1]), "it does not say what it can do"),
        (lambda method, path: (200, bytes(3 << 20)), "its answer is too large"),
        (
            lambda method, path: (200, {**ABOUT, "version": "9.9"}),
            r"runs version '9\.9' .*: install the same",
        ),
        (lambda method, path: (200, ABOUT), "does not say how much it has received"),
        (lambda method, path: (500, {"error": "a fault of the server"}), "a fault of the server"),
        (done([]), "it gives no segmentation"),
        (done([result()]), "arrived damaged 3 times"),
        (done([result(byte_count=2)]), "another number of bytes"),
        (done([result(), result(field="save_attention", name="../../x")]), r"it names a file '../../x'"),
        (done([result(), result(field="save_attention", name=".bashrc")]), r"it names a file '.bashrc'"),
        (done([{"field": "output"}]), "the key 'byte_count' is missing"),
    ],
)
def test_one_sentence_and_no_file(
    answering: Callable[[Answer], str], answer: Answer, words: str, tmp_path: Path
) -> None:
    voxels = np.full((10, 12, 12), -1000, np.int16)
    voxels[2:8, 2:10, 2:10] = 90
    voxels[4, 4, 4] = 100
    write_image(tmp_path / "p.nrrd", sitk.GetImageFromArray(voxels))
    out = tmp_path / "out"
    out.mkdir()
    job = SegmentationJob(
        portal=str(tmp_path / "p.nrrd"), output=str(out / "o.seg.nrrd"), save_attention=str(out / "maps")
    )
    with pytest.raises(LiverTumorAttentionError, match=words) as caught:
        segment_remotely(job, ServerAddress(url=answering(answer)))
    assert "\n" not in str(caught.value)
    assert list(out.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "p.nrrd"]


def test_a_remote_run_never_imports_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom LiverTumorAttentionLib import cli\n"
        f"code = cli.main(['segment', '--portal', {str(tmp_path / 'p')!r}, '--output', {str(tmp_path / 'o.nii')!r}, "
        "'--server', 'http://127.0.0.1:9'])\n"
        "assert code == 2, code\nassert 'torch' not in sys.modules\nassert 'fastapi' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "does not answer" in done.stderr
