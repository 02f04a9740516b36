"""The process that holds the network that answers clicks: cubes come in, probabilities go out."""

from __future__ import annotations

from typing import IO

import numpy as np

from LiverTumorAttentionLib.correction.click_network.frames import (
    BrokenStream,
    read_frame,
    write_array,
    write_message,
)
from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.pipeline.refine import read_click_model


def answer_clicks(model: str, incoming: IO[bytes], outgoing: IO[bytes]) -> int:
    """Say that the network is ready, then answer each input (channels, z, y, x) of a cube until the stream ends.

    model: a folder or a zip. What goes wrong is written as a message "error". Returns the exit code: 0, or 2.
    """
    try:
        clicks = read_click_model(model)
        write_message(outgoing, ready=clicks.name)
        while True:
            values = read_frame(incoming)
            if values is None:
                return 0
            if not isinstance(values, np.ndarray):
                raise BrokenStream("an array was expected")
            write_array(outgoing, clicks.predict(values.astype(np.float32)))
    except LiverTumorAttentionError as error:
        write_message(outgoing, error=str(error))
    except (BrokenStream, RuntimeError, ValueError) as error:
        write_message(outgoing, error=f"the network that answers clicks failed ({error}): please report this")
    except BrokenPipeError:
        return 0
    return 2
