from __future__ import annotations

import numpy as np
import pytest
import torch

from models.title import title_encoders
from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import SENTENCE, TitleConfig
from models.title.tunes import Tune
from models.title.two_tower import TowerConfig, TwoTower

installed = pytest.mark.skipif(not title_encoders.sentences_available(), reason="pip install 'kallos[sentence]'")


@installed
def test_titles_that_mean_the_same_lie_near_each_other() -> None:
    wedding, marriage, cow, nothing = title_encoders.sentence_vectors(
        ["the king's wedding", "a royal marriage", "the brown cow", ""]
    )
    assert wedding @ marriage > 0.5
    assert abs(wedding @ cow) < 0.2
    assert nothing.abs().sum() == 0


@installed
def test_towers_read_sentences_and_learn_from_them(made_tunes: list[Tune]) -> None:
    towers = TwoTower(
        TowerConfig(MelodyConfig("bag", 8, 8), TitleConfig(SENTENCE, 8, 8, without=("type_words",)))
    ).eval()
    first, second = towers.titles(["The Roscommon Reel", "The Roscommon Jig"])
    assert np.array_equal(first, second)
    tunes = made_tunes[:12]
    output = towers(towers.played([t.notes for t in tunes]), towers.spelled([t.titles[0] for t in tunes]))
    torch.autograd.backward(output.loss())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in towers.title.parameters())
