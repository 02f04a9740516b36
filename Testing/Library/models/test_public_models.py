from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.public_models import NO_CHECKSUM, NO_LICENCE, public_model, public_models


def test_every_public_model_says_where_it_is_what_it_was_trained_on_and_what_it_needs() -> None:
    models = public_models()

    assert len({model.id for model in models}) == len(models)
    for model in models:
        for address in (model.page, model.address, model.cite):
            assert re.match(r"https://\S+$", address), model.id
        assert model.trained_on
        assert model.facts_from
        assert set(model.finds) <= {"liver", "tumor", "vessel"}
        assert ("liver" in model.finds and "tumor" in model.finds) or any(
            "compose" in one for one in model.needs
        )
        assert ("monai]" in " ".join(model.needs)) == (model.made_with == "MONAI")


def test_what_no_publisher_states_is_said_to_be_so() -> None:
    lines = dict(public_model("nnunet-task003-liver").lines())

    assert lines["Licence of the weights"] == NO_LICENCE
    assert lines["Checksum"] == NO_CHECKSUM


def test_a_download_is_compared_with_the_checksum_of_its_publisher(tmp_path: Path) -> None:
    file = tmp_path / "model.zip"
    file.write_bytes(b"weights")
    published = dataclasses.replace(
        public_model("monai-wholebody-ct"), checksums={"sha1": hashlib.sha1(b"weights").hexdigest()}
    )

    assert published.check(file)
    assert not dataclasses.replace(published, checksums={}).check(file)
    file.write_bytes(b"other weights")
    with pytest.raises(
        ModelError, match=r"not the file that MONAI Consortium published .* download it again"
    ):
        published.check(file)


def test_a_checksum_of_another_length_is_refused() -> None:
    with pytest.raises(ModelError, match="is no checksum 'sha1'"):
        dataclasses.replace(public_model("monai-wholebody-ct"), checksums={"sha1": "12"})
