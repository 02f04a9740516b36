"""The network that answers clicks: the same numbers for any number of threads, which are left as they were."""

from __future__ import annotations

import numpy as np
import torch

from LiverTumorAttentionLib.inference.click_predictor import ClickPredictor
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.click_unet import CHANNELS


def test_the_same_answer_for_one_thread_and_for_three() -> None:
    predictor = ClickPredictor(build_network("click_unet", generator=torch.Generator().manual_seed(0)))
    values = np.random.default_rng(0).standard_normal((CHANNELS, 24, 24, 24)).astype(np.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(predictor(values))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (24, 24, 24)
    assert 0 < found[0].min() < found[0].max() < 1
