"""A server under load: many clients at once, connections that are cut, and others that misbehave beside them.

    python -m Testing.trials.server_load --clients 20 --cases 3 --cut 0.05 --output Testing/trials/results

Cases are generated volumes of 96 x 96 x 64 voxels. In place of `segment_case` each goes through a STUB that takes
what is bright for a tumor: what is tried here is all that lies around a case, and no time is that of a segmentation.
Each client is a process of its own and speaks through a proxy that cuts a share of the connections. What a client gets
is compared, by checksum, with the stub run without any server.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.cohort.local_engine import LocalEngine
from LiverTumorAttentionLib.ending import ending_signals
from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.io import read_ct, replacing, write_image
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import write_json
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.remote.address import ServerAddress, is_loopback
from LiverTumorAttentionLib.remote.protocol import CHUNK_BYTES
from LiverTumorAttentionLib.remote.segmentation import segment_remotely
from LiverTumorAttentionLib.server.run import serve
from LiverTumorAttentionLib.server.settings import CONNECTIONS_BYTES, ServerSettings
from Testing.Library.server import stub
from Testing.Library.server.cutting_proxy import a_share, cutting_proxy
from Testing.patience import PATIENCE_S

SIZE = (64, 96, 96)
VOLUME_BYTES = 2 * int(np.prod(SIZE))
"""A connection is cut before half of a volume has gone through it, so that most of those that are to be cut are."""
FILES = {"output": "o.seg.nrrd", "table": "t.csv", "save_probability": "q.nrrd"}
TOKEN = "a-token-of-the-trial-0123"
RIGHT, WRONG, ERROR = "right", "wrong", "error"
SAMPLE_S = 0.25


def write_case(path: Path, seed: int) -> None:
    """Write a generated volume: soft tissue in air, with noise and one bright ball."""
    draw = np.random.default_rng(seed)
    voxels = np.full(SIZE, -1000, np.int16)
    z, y, x = np.indices(SIZE)
    body = ((y - 48) / 39) ** 2 + ((x - 48) / 42) ** 2 <= 1
    voxels[body] = draw.normal(95, 8, int(body.sum())).astype(np.int16)
    center, radius = draw.uniform(25, 45, 3), draw.uniform(3, 9)
    voxels[(z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2 <= radius**2] = 170
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((3.6, 3.6, 3.1 + seed / 97))
    write_image(path, image)


def job_of(case: Path, folder: Path) -> SegmentationJob:
    folder.mkdir(parents=True, exist_ok=True)
    return SegmentationJob(portal=str(case), **{field: str(folder / name) for field, name in FILES.items()})  # type: ignore[arg-type]


def checksums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def drive(folder: Path) -> None:
    """Serve until a signal: the program that is tried."""
    (folder / "tokens").write_text(f"{TOKEN}\n", encoding="utf-8")
    settings = ServerSettings(
        port=0,
        token_file=str(folder / "tokens"),
        folder=str(folder / "server"),
        exchange_seconds=20.0,
        silent_seconds=300.0,
        runner=stub.RUNNER,
    )

    def on_ready(address: str, port: int) -> None:
        print(json.dumps({"port": port}), flush=True)

    with ending_signals() as cancelled:
        serve(settings, Progress(None, cancelled), on_ready, engine=LocalEngine(2, ["cpu"], 1.0))


def client(number: int, cases: int, clients: int, pipe: Connection, folder: Path) -> None:
    """Segment some cases one after another through the proxy, and tell what became of each.

    pipe: gives the port once all is ready, and takes the answer.
    """
    port = int(pipe.recv_bytes())
    address = ServerAddress(url=f"http://127.0.0.1:{port}", token_file=str(folder / "tokens"))
    lines = []
    for count in range(cases):
        case = folder / "in" / f"{(number + count) % clients}.nrrd"
        out = folder / "out" / f"{number}-{count}"
        begun = time.monotonic()
        try:
            segment_remotely(job_of(case, out), address)
        except LiverTumorAttentionError as error:
            ended, told = ERROR, str(error)
            if list(out.iterdir()):
                ended, told = WRONG, "an error left files behind"
        else:
            same = checksums(out) == checksums(folder / "expected" / case.stem)
            ended, told = (RIGHT, "") if same else (WRONG, "another checksum")
        lines.append({"ended": ended, "told": told, "seconds": time.monotonic() - begun})
    pipe.send_bytes(json.dumps(lines).encode())


def begin_clients(clients: int, cases: int, scratch: Path) -> list[Connection]:
    """Start the clients' processes, which wait for a port; before this one has threads, of which forks have none."""
    context = multiprocessing.get_context("fork")
    pipes = []
    for number in range(clients):
        ours, theirs = context.Pipe()
        context.Process(target=client, args=(number, cases, clients, theirs, scratch), daemon=True).start()
        theirs.close()
        pipes.append(ours)
    return pipes


def answers(pipes: list[Connection]) -> list[dict[str, Any]]:
    """Return what became of the cases; a client that ended without a word is left out."""
    lines: list[dict[str, Any]] = []
    for pipe in pipes:
        with contextlib.suppress(EOFError):
            lines += json.loads(pipe.recv_bytes())
    return lines


class Watch:
    """Samples the server's processes: their memory, and with whom they speak."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.front_mib = self.pool_mib = 0.0
        self.peers: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            pids = [self._pid, *_children(self._pid)]
            sizes = [_rss_mib(pid) for pid in pids]
            self.front_mib = max(self.front_mib, sizes[0])
            self.pool_mib = max(self.pool_mib, sum(sizes[1:]))
            for pid in pids:
                self.peers |= _addresses(pid)


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started, by any of its threads."""
    try:
        tasks = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return sorted({int(child) for children in tasks for child in children})


def _rss_mib(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _addresses(pid: int) -> set[str]:
    """Return the addresses on both ends of the Internet sockets that a process holds."""
    inodes = set()
    try:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(handle)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        tables = {
            kind: Path(f"/proc/{pid}/net/{kind}").read_text() for kind in ("tcp", "tcp6", "udp", "udp6")
        }
    except OSError:
        return set()
    found = set()
    for table in tables.values():
        for line in table.splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                found |= {_address(fields[1]), _address(fields[2])}
    return found - {"0.0.0.0", "::"}  # the other end of a socket that listens


def _address(text: str) -> str:
    packed = bytes.fromhex(text.split(":")[0])
    words = b"".join(packed[start : start + 4][::-1] for start in range(0, len(packed), 4))
    return socket.inet_ntop(socket.AF_INET if len(words) == 4 else socket.AF_INET6, words)


def misbehave(port: int, stop: threading.Event, seed: int) -> dict[str, int]:
    """Ask without the token, with too much, with paths in names, and hold connections by a byte now and then.

    Goes on until `stop`, and until the server has cut the first of the connections that were held.
    """
    draw = random.Random(seed)
    told = {
        "wrong_token_refused": 0,
        "oversize_refused": 0,
        "path_refused": 0,
        "slow_cut": 0,
        "let_through": 0,
    }
    slow: list[socket.socket] = []
    give_up = time.monotonic() + PATIENCE_S
    while not stop.is_set() or (slow and not told["slow_cut"] and time.monotonic() < give_up):
        kind = draw.choice(("wrong_token", "oversize", "path"))
        headers = {"Authorization": f"Bearer {'x' if kind == 'wrong_token' else ''}{TOKEN}"}
        path = "/v1/server" if kind == "wrong_token" else f"/v1/uploads/{'0' * 32}/voxels?offset=0"
        if kind == "path":
            path = "/v1/uploads/..%2f..%2f..%2fetc%2fpasswd"
        if kind == "oversize":
            headers["Content-Length"] = str(CHUNK_BYTES * 1000)
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.putrequest("GET" if kind == "wrong_token" else "PUT", path)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            refused = connection.getresponse().status in (401, 404, 413, 422, 503)
            connection.close()
            told[f"{kind}_refused" if refused else "let_through"] += 1
            if len(slow) < 10:
                slow.append(socket.create_connection(("127.0.0.1", port), timeout=60))
                slow[-1].sendall(b"GET /v1/server HTTP/1.1\r\nX-Slow: ")
        except OSError:
            pass
        for each in list(slow):
            try:
                each.sendall(b"x")
            except OSError:
                slow.remove(each)
                told["slow_cut"] += 1
        time.sleep(0.5)
    for each in slow:
        each.close()
    return told


def load(clients: int, cases: int, cut: float, seed: int, scratch: Path) -> dict[str, Any]:
    """Run the trial and return what was found."""
    pipes = begin_clients(clients, cases, scratch)
    for name in ("in", "out", "expected"):
        (scratch / name).mkdir()
    for number in range(clients):
        case = scratch / "in" / f"{number}.nrrd"
        write_case(case, number)
        stub.segment(job_of(case, scratch / "expected" / case.stem), Progress(), {"portal": read_ct(case)})
    own = [sys.executable, "-m", "Testing.trials.server_load"]
    server = subprocess.Popen([*own, "--drive", str(scratch)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(json.loads(server.stdout.readline())["port"])
    watch = Watch(server.pid)
    stop, misbehaved = threading.Event(), {}
    beside = threading.Thread(target=lambda: misbehaved.update(misbehave(port, stop, seed)))
    beside.start()
    begun = time.monotonic()
    with cutting_proxy(port, a_share(cut, seed, VOLUME_BYTES // 2)) as proxy:
        for pipe in pipes:
            pipe.send_bytes(str(proxy.port).encode())
        lines = answers(pipes)
        connections, cuts = proxy.connections, proxy.cuts
    seconds = time.monotonic() - begun
    stop.set()
    beside.join()
    left = [path.name for path in (scratch / "server").rglob("*") if path.is_file() and path.name != ".lock"]
    server.send_signal(signal.SIGTERM)
    code = server.wait(60)
    watch.end()
    ended = [line["ended"] for line in lines]
    return {
        "clients": clients,
        "cases": clients * cases,
        "volume_bytes": VOLUME_BYTES,
        "right_by_checksum": ended.count(RIGHT),
        "errors_in_a_sentence": sorted(line["told"] for line in lines if line["ended"] == ERROR),
        "wrong": sorted(line["told"] for line in lines if line["ended"] == WRONG),
        "without_an_answer": clients * cases - len(ended),
        "connections": connections,
        "connections_cut": cuts,
        "seconds": round(seconds, 1),
        "longest_case_seconds": round(max((line["seconds"] for line in lines), default=0.0), 1),
        "front_peak_mib": round(watch.front_mib, 1),
        "connections_can_hold_mib": round(CONNECTIONS_BYTES / 2**20, 1),
        "pool_peak_mib": round(watch.pool_mib, 1),
        "beside": misbehaved,
        "files_left_at_the_server": left,
        "exit_code_of_the_server": code,
        "addresses_of_its_sockets": sorted(watch.peers),
        "loopback_alone": all(is_loopback(each) for each in watch.peers) and bool(watch.peers),
    }


def main() -> int:
    """Run the trial and write its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--cases", type=int, default=3, help="of each client")
    parser.add_argument("--cut", type=float, default=0.05, help="share of the connections that is cut")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--beside", default="nothing else", help="what else the machine did, for the record")
    parser.add_argument("--output", type=Path, help="folder for server-load.json")
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive is not None:
        drive(options.drive)
        return 0
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lta-server-", dir=options.scratch) as folder:
        found = load(options.clients, options.cases, options.cut, options.seed, Path(folder))
    words = [f"--{name} {getattr(options, name)}" for name in ("clients", "cases", "cut", "seed")]
    found |= {
        "cores": os.cpu_count(),
        "machine_did_beside": options.beside,
        "command": " ".join(["python -m Testing.trials.server_load", *words]),
    }
    print(json.dumps(found, indent=1))
    if options.output is not None:
        with replacing(options.output / "server-load.json") as part:
            write_json(part, found, indent=1)
    faults = found["wrong"] or found["without_an_answer"] or found["files_left_at_the_server"]
    beside = found["beside"]
    refused = beside.get("slow_cut", 0) > 0 and not beside.get("let_through")
    return 0 if refused and found["loopback_alone"] and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
