"""Frames: what is written is read again, and what is no frame is told."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.click_network.frames import (
    BrokenStream,
    read_frame,
    write_array,
    write_message,
)


def test_arrays_and_messages_are_read_in_the_order_in_which_they_were_written() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)[:, ::-1]
    stream = io.BytesIO()
    write_array(stream, values)
    write_message(stream, ready="clicks")
    stream.seek(0)
    np.testing.assert_array_equal(read_frame(stream), values)
    assert read_frame(stream) == {"ready": "clicks"}
    assert read_frame(stream) is None


def damaged() -> dict[str, bytes]:
    stream = io.BytesIO()
    write_array(stream, np.zeros(8, np.float32))
    whole = stream.getvalue()
    objects = io.BytesIO()
    np.save(objects, np.array([print], dtype=object), allow_pickle=True)
    pickled = objects.getvalue()
    return {
        "half a head": whole[:4],
        "half an array": whole[:-4],
        "another letter": b"X" + whole[1:],
        "too long": b"A" + (1 << 40).to_bytes(8, "little"),
        "a pickle": b"A" + len(pickled).to_bytes(8, "little") + pickled,
        "a bare pickle": b"A" + len(pickle.dumps(1)).to_bytes(8, "little") + pickle.dumps(1),
        "no JSON": b"M" + (3).to_bytes(8, "little") + b"{,}",
        "a list": b"M" + (2).to_bytes(8, "little") + b"[]",
    }


@pytest.mark.parametrize("name", damaged())
def test_what_is_no_frame_is_told(name: str) -> None:
    with pytest.raises(BrokenStream):
        read_frame(io.BytesIO(damaged()[name]))
