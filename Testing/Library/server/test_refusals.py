"""What a server refuses: who shows no token, what is too large or too slow, paths in names, and what it does not do."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.remote.protocol import CHUNK_BYTES, MOST_JSON_BYTES
from LiverTumorAttentionLib.remote.voxels import packed
from LiverTumorAttentionLib.server.settings import ServerSettings
from Testing.Library.server.conftest import Running, running_server, tiny_volume
from Testing.Library.server.stub import HANGS
from Testing.patience import PATIENCE_S

ONE, TWO = "1" * 32, "2" * 32
VOLUME = tiny_volume()
HEADER, CONTENT = packed(VOLUME)
TOKENS = ("first-token-0123456789", "second-token-0123456789")


def ask(
    server: Running, method: str, path: str, body: Any = b"", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Send one request; return status and JSON of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(
        method, path, body=content, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def request(**changes: Any) -> dict[str, Any]:
    settings = {"model": "demonstration", "seed": 1}
    values = {"version": __version__, "volumes": {"portal": ONE}, "settings": settings}
    return {**values, "outputs": {"output": ".seg.nrrd"}, **changes}


def send_volume(server: Running, identifier: str = ONE, **headers: str) -> None:
    assert ask(server, "PUT", f"/v1/uploads/{identifier}", HEADER.to_dict(), **headers)[0] == 200
    told = ask(server, "PUT", f"/v1/uploads/{identifier}/voxels?offset=0", bytes(CONTENT), **headers)
    assert told == (200, {"received": len(CONTENT)})


def wait_for(server: Running, path: str, state: str) -> dict[str, Any]:
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        _, told = ask(server, "GET", path)
        if told.get("state") == state or told.get("error"):
            return told
        time.sleep(0.02)
    raise AssertionError(f"never {state}: {told}")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Running]:
    """A server with two tokens."""
    tokens = tmp_path / "tokens"
    tokens.write_text("\n".join(TOKENS))
    with running_server(tmp_path / "server", token_file=str(tokens)) as running:
        yield running


@pytest.mark.parametrize(
    "shown",
    [None, "Bearer ", "Bearer first-token-012345678", f"Basic {TOKENS[0]}", "Bearer \xff" + TOKENS[0]],
)
def test_without_the_token_nothing_is_told(guarded: Running, shown: str | None) -> None:
    headers = {} if shown is None else {"Authorization": shown}
    for method, path in (("GET", "/v1/server"), ("PUT", f"/v1/uploads/{ONE}"), ("GET", "/elsewhere")):
        status, told = ask(guarded, method, path, **headers)
        assert (status, told) == (401, {"error": "the token is missing or wrong: get the one of your site"})


def test_what_one_token_sent_another_does_not_find(guarded: Running) -> None:
    first, second = ({"Authorization": f"Bearer {token}"} for token in TOKENS)
    send_volume(guarded, **first)
    assert ask(guarded, "GET", f"/v1/uploads/{ONE}", **first)[0] == 200
    assert ask(guarded, "GET", f"/v1/uploads/{ONE}", **second)[0] == 404
    assert ask(guarded, "PUT", f"/v1/jobs/{TWO}", request(), **second)[0] == 404
    assert ask(guarded, "PUT", f"/v1/jobs/{TWO}", request(), **first)[0] == 200
    assert ask(guarded, "DELETE", f"/v1/jobs/{TWO}", **second)[0] == 200
    assert ask(guarded, "GET", f"/v1/jobs/{TWO}", **first)[0] == 200


def test_a_page_of_the_web_cannot_reach_a_server_of_this_computer(server: Running) -> None:
    assert ask(server, "GET", "/v1/server", Host="evil.example:8642")[0] == 403
    assert ask(server, "GET", "/v1/server", Host=f"localhost:{server.port}")[0] == 200
    assert ask(server, "GET", "/v1/server", Host="[::1]:80")[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "0.0.0.0", "token_file": "t"},
        {"host": "0.0.0.0", "certificate": "c", "key": "k"},
        {"host": "192.168.1.5"},
        {"host": "::"},
        {"host": "server.example"},
    ],
)
def test_beyond_this_computer_it_needs_token_and_tls(changes: dict[str, str]) -> None:
    if not changes:
        ServerSettings()
        ServerSettings(host="::1")
        ServerSettings(host="0.0.0.0", token_file="t", certificate="c", key="k")
        return
    with pytest.raises(
        InputError, match=r"can be reached by others: give --token-file, --certificate and --key"
    ):
        ServerSettings(**changes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no token"),
        ("# only this\n\n", "holds no token"),
        ("short", "token 1 of .* is shorter than 16 characters"),
        ("long-enough-token-1\nwith a space in it", "token 2 of .* holds a space"),
        (None, "cannot be read"),
    ],
)
def test_token_files(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=words), running_server(tmp_path / "s", token_file=str(path)):
        pass


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    files = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "cert.pem")}
    with (
        pytest.raises(InputError, match=r"cannot be used .*: give both in PEM"),
        running_server(tmp_path, **files),
    ):
        pass
    with pytest.raises(InputError, match="TLS needs a certificate and its key"):
        ServerSettings(certificate="c")


@pytest.mark.parametrize("path", [f"/v1/uploads/{ONE}/voxels?offset=0", f"/v1/jobs/{ONE}"])
def test_what_is_too_large_is_refused_before_it_is_read(server: Running, path: str) -> None:
    most = CHUNK_BYTES if "voxels" in path else MOST_JSON_BYTES
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as raw:
        raw.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {most + 1}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")  # not a byte of it was sent
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as raw:
        raw.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        answer = b""
        try:
            for _ in range(most // 0x10000 + 2):
                raw.sendall(piece)
            answer = raw.recv(4096)
        except OSError:
            answer = answer or b"HTTP/1.1 413"  # it had gone before all was sent
        assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("name", ["..%2f..%2fetc", "../x", "A" * 32, "0" * 31, "0" * 33, "%00" + "0" * 31])
def test_a_path_in_a_name_is_refused(server: Running, name: str) -> None:
    for path, values in ((f"/v1/uploads/{name}", HEADER.to_dict()), (f"/v1/jobs/{name}", request())):
        status, told = ask(server, "PUT", path, values)
        assert status in (404, 422)
        assert "error" in told
    assert server.kept() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"volumes": {"portal": "../" + "1" * 29}}, "an identifier is 32 digits"),
        ({"volumes": {"portal": 7}}, "an identifier is 32 digits"),
        ({"volumes": {"arterial": ONE}}, "no portal venous volume was sent"),
        ({"volumes": {"portal": ONE, "../arterial": ONE}}, "unknown phase '../arterial'"),
        ({"settings": {"model": "../../demonstration"}}, "has no model '../../demonstration'"),
        ({"settings": {"model": "/etc"}}, "has no model '/etc'"),
        ({"settings": {"model": "demonstration", "output": "/etc/x.seg.nrrd"}}, "unknown setting 'output'"),
        ({"settings": {"model": "demonstration", "seed": -1}}, "the seed must not be negative"),
        ({"settings": {"model": "demonstration", "seed": "1"}}, "expected int, got str '1'"),
        ({"outputs": {"output": "/../../x.seg.nrrd"}}, "the output cannot end in '/../../x.seg.nrrd'"),
        ({"outputs": {"output": ".dcm"}}, r"the output cannot end in '.dcm'"),
        ({"outputs": {"log": ".json"}}, "unknown output 'log'"),
        ({"version": "0"}, "install the same version on both"),
        ({"patient_name": "Smith"}, "unknown key 'patient_name'"),
    ],
)
def test_what_a_job_may_not_ask_for(server: Running, changes: dict[str, Any], words: str) -> None:
    send_volume(server)
    status, told = ask(server, "PUT", f"/v1/jobs/{TWO}", request(**changes))
    assert status == 422
    assert words in told["error"]
    assert server.engine.submitted == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": [20, 24, 0]}, "send 1 to"),
        ({"size": [70000, 70000, 2]}, "send 1 to"),
        ({"spacing_mm": [1.0, 0.0, 1.0]}, "send its true spacing"),
        ({"voxel_type": "object"}, "unknown type of voxels 'object'"),
        ({"sha256": "0"}, "is no SHA-256"),
        ({"size": [20, 24]}, "expected 3 values, got 2"),
        ({"name": "Smith"}, "unknown key 'name'"),
    ],
)
def test_what_is_no_volume(server: Running, changes: dict[str, Any], words: str) -> None:
    status, told = ask(server, "PUT", f"/v1/uploads/{ONE}", {**HEADER.to_dict(), **changes})
    assert status == 422
    assert words in told["error"]
    assert ask(server, "PUT", f"/v1/uploads/{ONE}", b"{'no': json}")[0] == 422
    assert ask(server, "PUT", f"/v1/uploads/{ONE}", b'{"size": NaN}')[0] == 422


def test_a_damaged_volume_is_taken_again_from_its_beginning(server: Running) -> None:
    path = f"/v1/uploads/{ONE}"
    ask(server, "PUT", path, HEADER.to_dict())
    damaged = bytes([CONTENT[0] ^ 1]) + bytes(CONTENT[1:])
    status, told = ask(server, "PUT", f"{path}/voxels?offset=0", damaged)
    assert status == 422
    assert "arrived damaged" in told["error"]
    assert ask(server, "GET", path) == (200, {"received": 0})
    assert ask(server, "PUT", f"/v1/jobs/{TWO}", request())[0] == 409
    send_volume(server)


def test_pieces_in_order_twice_or_beyond(server: Running) -> None:
    path = f"/v1/uploads/{ONE}"
    ask(server, "PUT", path, HEADER.to_dict())
    assert ask(server, "PUT", f"{path}/voxels?offset=0", bytes(CONTENT[:1000])) == (200, {"received": 1000})
    assert ask(server, "PUT", f"{path}/voxels?offset=500", bytes(CONTENT[500:1500])) == (
        200,
        {"received": 1500},
    )
    assert ask(server, "PUT", f"{path}/voxels?offset=0", bytes(CONTENT[:1000])) == (200, {"received": 1500})
    assert ask(server, "PUT", f"{path}/voxels?offset=1501", bytes(CONTENT[1501:1600]))[0] == 409
    assert ask(server, "PUT", f"{path}/voxels?offset=-1", bytes(CONTENT[:10]))[0] == 422
    assert ask(server, "PUT", f"{path}/voxels?offset=1500", bytes(CONTENT[1500:]) + b"x")[0] == 409
    assert ask(server, "PUT", path, {**HEADER.to_dict(), "voxel_type": "float32"})[0] == 409
    assert ask(server, "PUT", f"{path}/voxels?offset=1500", bytes(CONTENT[1500:]))[0] == 200


def test_a_full_server_says_so(tmp_path: Path) -> None:
    with running_server(
        tmp_path / "s", max_gigabytes=2e-5, most_jobs=1
    ) as server:  # 20 kB; a volume has 15 kB
        send_volume(server)
        status, told = ask(server, "PUT", f"/v1/uploads/{TWO}", HEADER.to_dict())
        assert status == 507
        assert "full of other cases: try again later" in told["error"]
        status, told = ask(server, "PUT", f"/v1/uploads/{TWO}", {**HEADER.to_dict(), "size": [40, 24, 16]})
        assert status == 413
        assert "crop it to the liver" in told["error"]
        hangs = request(settings={"model": "demonstration", "seed": HANGS})
        assert ask(server, "PUT", f"/v1/jobs/{ONE}", hangs)[0] == 200
        status, told = ask(server, "PUT", f"/v1/jobs/{TWO}", request(volumes={"portal": TWO}))
        assert status == 429
        assert "the server has 1 case, its most" in told["error"]


def test_a_case_without_end_is_ended(tmp_path: Path) -> None:
    with running_server(tmp_path / "s", case_minutes=0.01) as server:
        send_volume(server)
        hangs = request(settings={"model": "demonstration", "seed": HANGS})
        ask(server, "PUT", f"/v1/jobs/{TWO}", hangs)
        told = wait_for(server, f"/v1/jobs/{TWO}", "failed")
        assert "computed for longer than 1 s" in told["message"]
        assert server.kept() == []


def test_what_nobody_asks_for_is_deleted(tmp_path: Path) -> None:
    with running_server(tmp_path / "s", keep_minutes=0.02, silent_seconds=60) as server:
        send_volume(server)
        ask(server, "PUT", f"/v1/jobs/{TWO}", request())
        wait_for(server, f"/v1/jobs/{TWO}", "done")
        assert server.kept() != []
        send_volume(server)  # and a volume of no job
        limit = time.monotonic() + PATIENCE_S
        while server.kept() and time.monotonic() < limit:
            time.sleep(0.1)
        assert server.kept() == []
        assert ask(server, "GET", f"/v1/jobs/{TWO}")[0] == 404
        assert ask(server, "GET", f"/v1/uploads/{ONE}")[0] == 404


def test_a_case_whose_client_fell_silent_is_ended(tmp_path: Path) -> None:
    with running_server(tmp_path / "s", silent_seconds=0.5) as server:
        send_volume(server)
        ask(server, "PUT", f"/v1/jobs/{TWO}", request(settings={"model": "demonstration", "seed": HANGS}))
        limit = time.monotonic() + PATIENCE_S
        while server.kept() and time.monotonic() < limit:
            time.sleep(0.1)
        assert server.kept() == []
        assert server.engine.cancelled == server.engine.submitted
        assert ask(server, "GET", f"/v1/jobs/{TWO}")[0] == 404


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /v1/server HTT",
        b"PUT /v1/jobs/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_who_dawdles_is_cut(tmp_path: Path, start: bytes) -> None:
    """A byte now and then keeps no connection, wherever in the exchange it stands."""
    with (
        running_server(tmp_path / "s", exchange_seconds=1.0) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as raw,
    ):
        if start:
            raw.sendall(start)
        limit = time.monotonic() + PATIENCE_S
        cut = False
        while not cut and time.monotonic() < limit:
            try:
                if start:
                    raw.sendall(b" ")
                raw.settimeout(0.1)
                cut = raw.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                cut = True
        assert cut
        assert ask(server, "GET", "/v1/server")[0] == 200  # others are served


def test_the_folder_is_the_servers_own(tmp_path: Path) -> None:
    place = tmp_path / "s"
    with running_server(place) as server:
        send_volume(server)
        with pytest.raises(InputError, match="another run works in"), running_server(place):
            pass
        assert server.kept() != []
    assert [path.name for path in place.rglob("*") if path.is_file()] == [".lock"]
    (place / "uploads").mkdir()
    (place / "uploads/7").write_text("left by a run that was killed")
    with running_server(place) as server:
        assert server.kept() == []
    (place / "thesis.txt").write_text("of somebody else")
    with pytest.raises(OutputError, match=r"holds 'thesis\.txt'"), running_server(place):
        pass
    assert (place / "thesis.txt").exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(InputError, match=r"cannot be used .*: give another --port"),
        running_server(tmp_path / "s", port=taken.getsockname()[1]),
    ):
        pass
