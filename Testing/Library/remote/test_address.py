"""Addresses of servers: which are one, and which would be spoken to in the clear."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.remote.address import ServerAddress, is_loopback


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://127.0.0.1:8642", ("127.0.0.1", 8642, False)),
        ("http://localhost", ("localhost", 80, False)),
        ("http://[::1]:9/", ("::1", 9, False)),
        ("https://gpu.hospital.example", ("gpu.hospital.example", 443, True)),
        ("https://10.0.0.7:8642", ("10.0.0.7", 8642, True)),
    ],
)
def test_addresses(url: str, parts: tuple[str, int, bool]) -> None:
    address = ServerAddress(url=url)
    assert (address.host, address.port, address.encrypted) == parts


@pytest.mark.parametrize(
    "url",
    [
        *("", "gpu:8642", "ftp://gpu", "https://", "https://gpu:port", "https://gpu:99999", "https://a/b"),
        *("https://user:secret@gpu", "https://gpu?x=1", "https://gpu#x", "http://[::1"),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InputError, match="is no address of a server: give"):
        ServerAddress(url=url)


@pytest.mark.parametrize("url", ["http://gpu:8642", "http://10.0.0.7", "http://127.0.0.1.example.com"])
def test_voxels_leave_this_computer_by_tls_alone(url: str) -> None:
    with pytest.raises(
        InputError, match=r"would be sent voxels in the clear: give its address with https://"
    ):
        ServerAddress(url=url)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST")),
        *(
            (host, False)
            for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.nip.io", "")
        ),
    ],
)
def test_what_is_this_computer(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
