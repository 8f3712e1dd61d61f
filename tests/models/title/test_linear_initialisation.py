import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from models.title.melody_encoders import FLOOR, LinearEncoder, MelodyConfig, padded, shares
from models.title.title_encoders import LinearEncoder as LinearTitles
from models.title.title_encoders import TitleConfig, characters, hashed_grams
from models.title.tunes import Tune
from models.title.two_tower import RIDGE_PENALTY, TowerConfig, TwoTower, fit_linear


def fitted(tunes: list[Tune]) -> TwoTower:
    towers = TwoTower(TowerConfig(MelodyConfig("linear", dim=6), TitleConfig("linear", dim=6))).eval()
    fit_linear(towers, tunes)
    return towers


def test_melodies_become_the_whitened_components_of_sklearn(made_tunes: list[Tune]) -> None:
    towers = fitted(made_tunes)
    assert isinstance(towers.melody, LinearEncoder)
    notes = padded([tune.notes for tune in made_tunes])
    x = shares(notes, (notes >= 0).any(-1), cadences=False).double().numpy()
    theirs = PCA(6, whiten=True, svd_solver="full").fit_transform((x - x.mean(0)) / (x.std(0, ddof=1) + FLOOR))
    ours = towers.melody.pooled(notes).detach().double().numpy()
    likeness = np.abs(np.corrcoef(ours.T, theirs.T)[:6, 6:])  # signs and order are free
    assert np.allclose(likeness.max(1), 1, atol=1e-3)
    assert np.allclose(ours.std(0), 1, atol=0.02)


def test_titles_are_mapped_as_ridge_regression_maps_them(made_tunes: list[Tune]) -> None:
    towers = fitted(made_tunes[:80])
    assert isinstance(towers.title, LinearTitles)
    grams = [hashed_grams(characters([tune.titles[0] for tune in part])) for part in (made_tunes[:80], made_tunes[80:])]
    told = [
        torch.zeros(len(g), len(towers.title.idf)).scatter_add_(1, g, towers.title.weights(g)).numpy() for g in grams
    ]
    wanted = towers.melody.pooled(padded([tune.notes for tune in made_tunes[:80]])).detach().numpy()
    theirs = Ridge(alpha=RIDGE_PENALTY).fit(told[0], wanted).predict(told[1])
    ours = towers.title(characters([tune.titles[0] for tune in made_tunes[80:]])).detach().numpy()
    assert np.allclose(ours, theirs, atol=2e-3)
    assert np.abs(theirs).max() > 0.05
