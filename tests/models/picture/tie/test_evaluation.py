"""Music shown in pictures: what is measured of it, beside the pictures of other music."""

import numpy as np
import pytest

from models.experiments.report import Report
from models.music.notes import Piece
from models.picture.autoencoder import load_pictures
from models.picture.drawing import PictureDrawing
from models.picture.drawings import load_drawings
from models.picture.tie import evaluation
from models.picture.tie.checkpoint import load_tie
from models.picture.tie.scoring import ANNOTATED, LEARNED, UNTIED
from models.picture.tie.showing import Shower
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer

pytestmark = pytest.mark.slow

MANY = 10  # pieces whose pictures are told apart, and as many on which matching is fitted
REVERSED = -np.stack([np.eye(5)])  # links of somebody who hears everything the other way round


def contrasting(seed: int, bars: int = 8) -> Piece:
    """Each bar high or low, loud or soft, dense or sparse, major or minor."""
    rng, notes = np.random.default_rng(seed), []
    for bar in range(bars):
        count, third = int(rng.choice([2, 4, 8, 16])), int(rng.choice([3, 4]))
        root, loud = int(rng.integers(45, 82)), int(rng.integers(35, 115))
        chord, length = (root, root + third, root + 7, root + 12), 96 // count
        notes += [(96 * bar + length * at, length, chord[at % 4], loud) for at in range(count)]
    table = np.array([[96 * bar, 96, 4, 4] for bar in range(bars)])
    return Piece(np.array(notes), table, np.full(bars, float(rng.integers(70, 150))), domain="pop")


@pytest.fixture(scope="module")
def report() -> Report:
    pictures, composer = load_pictures(), Composer(load_style(str(style_folder())))
    drawing = PictureDrawing(pictures, load_drawings())
    shower = Shower(load_tie(), drawing.drawings.latents, composer)
    music = [contrasting(seed) for seed in range(2 * MANY)]
    pieces = {"fit": music[:MANY], "test": music[MANY:]}
    found = Report("test", {}, {}, 0)
    evaluation.evaluate_shown(found, shower, drawing, pieces, [ANNOTATED, LEARNED], links=REVERSED)
    return found


def test_music_finds_its_own_pictures_and_not_those_of_other_music(report) -> None:
    found, found_10 = (
        {way: report.metrics[f"tie.{way}.shown.{name}"] for way in (UNTIED, ANNOTATED, LEARNED)}
        for name in ("found", "found_10")
    )
    assert found[ANNOTATED].value >= 0.5
    assert found[LEARNED].value >= 0.4  # by a listener's own links
    assert found[UNTIED].value <= 0.2
    assert {each.chance for each in found.values()} == {1 / MANY}
    assert found[ANNOTATED].baseline == found[LEARNED].baseline == found[UNTIED].value
    assert {each.value for each in found_10.values()} == {1}  # of ten


def test_every_figure_is_there_for_each_way(report) -> None:
    names = {"speed_correlation", "found", "found_10", "back", "back_10", "neighbours"}
    assert set(report.metrics) == {f"tie.{way}.shown.{name}" for way in (UNTIED, ANNOTATED, LEARNED) for name in names}
