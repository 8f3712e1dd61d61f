"""How little a picture may show, against the drawings that its model was trained on."""

from __future__ import annotations

import os

import numpy as np
import pytest

from models.picture.collection import collection
from models.picture.measuring import ink
from models.picture.reading import PictureError
from webapp.composing.pictures import LEAST_INK


@pytest.mark.slow
def test_one_training_drawing_in_fifty_has_less_ink_than_a_picture_must_have():
    try:
        found = collection()
    except PictureError as error:
        if os.environ.get("KALLOS_REQUIRE_CORPORA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    told = ink(np.stack([found.pictures[number].pixels for number in found.parts["train"]]))
    assert pytest.approx(np.quantile(told, 0.02), abs=0.0005) == LEAST_INK
