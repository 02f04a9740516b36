"""A case through a server: its results are those of a run on this computer, byte for byte, and nothing is left."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib import cli
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.errors import Cancelled, InputError, RemoteError
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.phantoms import generate_phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import segment_case
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from LiverTumorAttentionLib.remote import connection
from LiverTumorAttentionLib.remote.address import ServerAddress
from LiverTumorAttentionLib.remote.segmentation import segment_remotely
from LiverTumorAttentionLib.server.settings import RUNNER
from Testing.Library.model_folder import write_model
from Testing.Library.server.conftest import Running, running_server, tiny_volume
from Testing.Library.server.cutting_proxy import cutting_proxy
from Testing.Library.server.stub import DIES, DIES_ONCE, HANGS, REFUSES, ThreadEngine

NAMES = {
    "output": "o.seg.nrrd",
    "table": "t.csv",
    "report": "r.json",
    "save_probability": "q.nii.gz",
}


def job(portal: Path, folder: Path, **changes: Any) -> SegmentationJob:
    folder.mkdir(exist_ok=True)
    outputs = {field: str(folder / name) for field, name in NAMES.items()}
    return SegmentationJob(**{"portal": str(portal), "device": "cpu", "seed": 1, **outputs, **changes})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_the_real_pipeline_gives_the_same_bytes_there_as_here(tmp_path: Path) -> None:
    portal = tmp_path / "portal.nrrd"
    write_image(portal, generate_phantom(31, size="small", lesions=1).portal)
    wanted = {"preview": "p.png", "save_segments": "s.seg.nrrd"}

    def both(folder: Path) -> SegmentationJob:
        return job(portal, folder, **{field: str(folder / name) for field, name in wanted.items()})

    here = segment_case(both(tmp_path / "here"))
    with running_server(tmp_path / "server", runner=RUNNER) as server:
        there = segment_remotely(both(tmp_path / "there"), server.address)
        assert server.kept() == []
    assert contents(tmp_path / "here").keys() == {*NAMES.values(), *wanted.values()}
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert there.warnings == here.warnings
    assert there.summary() == here.summary()
    assert (there.tumors, there.statement) == (len(here.tumors), here.model.statement)


def test_voxels_and_grid_arrive_exactly(server: Running, portal: Path, tmp_path: Path) -> None:
    segment_remotely(job(portal, tmp_path / "out"), server.address)
    report = json.loads((tmp_path / "out/r.json").read_text())
    from LiverTumorAttentionLib.io import read_ct

    image = read_ct(portal)
    assert report["spacing"] == list(image.GetSpacing())
    bright = int((tmp_path / "out/t.csv").read_text().split()[1])
    assert bright == 3 * 4 * 3


def test_nothing_that_names_a_patient_is_sent(
    server: Running, portal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is named after a patient, and the headers give more of him; none of it is in what travels."""
    headers = tmp_path / "headers.json"
    facts = {
        "patient_id": "PAT17",
        "study_uid": "1.2.840.99",
        "description": "ven SMITH",
        "protocol": "liver",
    }
    headers.write_text(json.dumps({"portal": facts}))
    sent: list[bytes] = []
    send = connection.Connection._send

    def noted(self: Any, method: str, path: str, body: Any, **options: Any) -> Any:
        sent.append(f"{method} {path} {self._headers} ".encode() + bytes(body))
        return send(self, method, path, body, **options)

    monkeypatch.setattr(connection.Connection, "_send", noted)
    segment_remotely(job(portal, tmp_path / "out", headers=str(headers), paths=True), server.address)
    everything = b"\n".join(sent)
    assert b"int16" in everything
    for word in (b"SMITH", b"PAT17", b"1.2.840", b'liver"', str(tmp_path).encode(), b"portal.nrrd"):
        assert word not in everything
    settings = json.loads((tmp_path / "out/r.json").read_text())["settings"]
    assert settings["portal"] == str(portal)  # known here alone


def test_progress_rises_and_the_server_keeps_nothing(server: Running, portal: Path, tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    folder = tmp_path / "out"
    result = segment_remotely(
        job(portal, folder, save_attention=str(folder / "maps")), server.address, Progress(events.append)
    )
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert {"asking the server", "reading", "sending volumes", "receiving results"} <= {
        e.stage for e in events
    }
    assert result.warnings[-1] == "a warning of the server"
    assert (folder / "maps/maps.json").read_text() == "{}"
    assert server.kept() == []


def test_cuts_cost_no_more_than_a_piece(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("LiverTumorAttentionLib.remote.upload.CHUNK_BYTES", 2048)
    portal = tmp_path / "p.nrrd"
    write_image(portal, tiny_volume())
    segment_remotely(job(portal, tmp_path / "whole"), server.address)
    with cutting_proxy(server.port, lambda count: 3000 if count < 16 else None) as proxy:
        segment_remotely(job(portal, tmp_path / "cut"), ServerAddress(url=f"http://127.0.0.1:{proxy.port}"))
    assert proxy.cuts >= 4
    assert contents(tmp_path / "cut").keys() == contents(tmp_path / "whole").keys()
    for name in ("o.seg.nrrd", "t.csv", "q.nii.gz"):
        assert contents(tmp_path / "cut")[name] == contents(tmp_path / "whole")[name]
    assert len(server.engine.submitted) == 2, "no cut lets a case be computed twice"


def test_a_connection_that_stays_cut_is_a_sentence_and_leaves_no_file(
    server: Running, portal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE_S", 0.5)
    with (
        cutting_proxy(server.port, lambda count: 3000) as proxy,
        pytest.raises(
            RemoteError, match=r"the connection to the server .* was lost and could not be made again"
        ),
    ):
        segment_remotely(job(portal, tmp_path / "out"), ServerAddress(url=f"http://127.0.0.1:{proxy.port}"))
    assert contents(tmp_path / "out") == {}


def test_a_dead_server_is_told_before_anything_is_read(tmp_path: Path) -> None:
    unread = job(tmp_path / "missing.nii.gz", tmp_path)
    with pytest.raises(
        RemoteError, match=r"http://127.0.0.1:9 does not answer .*: check its address and that it"
    ):
        segment_remotely(unread, ServerAddress(url="http://127.0.0.1:9"))


def test_cancelling_ends_the_work_at_the_server(server: Running, portal: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    progress = Progress(lambda event: stages.append(event.stage), lambda: "stub" in stages)
    with pytest.raises(Cancelled):
        segment_remotely(job(portal, tmp_path / "out", seed=HANGS), server.address, progress)
    assert contents(tmp_path / "out") == {}
    segment_remotely(job(portal, tmp_path / "next"), server.address)  # there is a place for it again
    assert len(server.engine.cancelled) == 1
    assert server.kept() == []


def test_a_server_that_is_stopped_while_it_cancels_ends(portal: Path, tmp_path: Path) -> None:
    class SlowToCancel(ThreadEngine):
        began = threading.Event()

        def cancel(self, task: Task) -> None:
            super().cancel(task)
            self.began.set()
            time.sleep(1.0)  # the server is told to stop meanwhile

    stages: list[str] = []
    progress = Progress(lambda event: stages.append(event.stage), lambda: "stub" in stages)
    with running_server(
        tmp_path / "server", SlowToCancel()
    ) as server:  # its thread has ended after the block
        with pytest.raises(Cancelled):
            segment_remotely(job(portal, tmp_path / "out", seed=HANGS), server.address, progress)
        server.engine.began.wait()


def test_a_refusal_of_the_pipeline_is_the_servers_sentence(
    server: Running, portal: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="shows no liver: choose another"):
        segment_remotely(job(portal, tmp_path / "out", seed=REFUSES), server.address)
    assert (contents(tmp_path / "out"), server.kept()) == ({}, [])


def test_what_cannot_be_done_there_is_refused_before_it_is_sent(
    server: Running, portal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Exception, match=r"has no model 'demonstratio'; did you mean 'demonstration'\?"):
        segment_remotely(job(portal, tmp_path / "out", model="demonstratio"), server.address)
    model = write_model(tmp_path / "here-only")
    with pytest.raises(Exception, match="choose one of its models, or install this one there"):
        segment_remotely(job(portal, tmp_path / "out", model=str(model)), server.address)
    monkeypatch.setattr("LiverTumorAttentionLib.remote.segmentation.__version__", "0.0.1")
    with pytest.raises(
        RemoteError, match=r"runs version '.*' of this software, this is 0.0.1: install the same"
    ):
        segment_remotely(job(portal, tmp_path / "out"), server.address)
    assert server.engine.submitted == []


@pytest.mark.parametrize(("seed", "tries"), [(DIES_ONCE, 2), (DIES, 2)])
def test_a_process_that_dies_is_tried_once_more(tmp_path: Path, portal: Path, seed: int, tries: int) -> None:
    from LiverTumorAttentionLib.cohort.local_engine import LocalEngine

    with running_server(tmp_path / "server", engine=LocalEngine(1, ["cpu"], 1.0)) as server:
        if seed == DIES:
            with pytest.raises(InputError, match=r"SIGKILL.*also when it was tried again"):
                segment_remotely(job(portal, tmp_path / "out", seed=seed), server.address)
        else:
            segment_remotely(job(portal, tmp_path / "out", seed=seed), server.address)
        assert bool(contents(tmp_path / "out")) == (seed == DIES_ONCE)
        assert server.kept() == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    try:
        subprocess.run([*command.split(), *files], cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no openssl to make a certificate with")
    return folder / "cert.pem", folder / "key.pem"


def test_token_and_tls_over_the_command_line(
    certificate: tuple[Path, Path], portal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("# the site's\nfirst-token-0123456789\nsecond-token-0123456789\n")
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong-token-0123456789\n")
    with running_server(
        tmp_path / "server",
        token_file=str(tokens),
        certificate=str(certificate[0]),
        key=str(certificate[1]),
    ) as server:
        out = tmp_path / "o.seg.nrrd"
        command = ["segment", "--portal", str(portal), "--output", str(out), "--progress", "json"]
        command += ["--server", server.url, "--token-file"]
        trust = ["--server-certificate", str(certificate[0])]
        assert cli.main([*command, str(tokens)]) == 2
        assert "nobody who is known vouches for the server" in capsys.readouterr().err
        assert cli.main([*command, str(wrong), *trust]) == 2
        assert "does not take the token" in capsys.readouterr().err
        assert not out.exists()
        assert cli.main([*command, str(tokens), *trust]) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert events[-1] == {"event": "done", "output": str(out), "tumors": 1, "statement": "a stub"}
        assert events[0]["event"] == "progress"
        assert out.exists()
