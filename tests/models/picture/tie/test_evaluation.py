"""Music shown in pictures: what is measured of it, beside the pictures of other music."""

import numpy as np
import pytest

from models.experiments.report import Report
from models.picture.autoencoder import load_pictures
from models.picture.drawing import PictureDrawing
from models.picture.drawings import load_drawings
from models.picture.tie import evaluation
from models.picture.tie.checkpoint import load_tie
from models.picture.tie.scoring import ANNOTATED, LEARNED, UNTIED
from models.picture.tie.showing import Shower
from models.style.bundle import SHIPPED_STYLE, read_card, style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.drafts import first_drafts

pytestmark = pytest.mark.slow

MANY = 36  # of twelve, one found more or less decided
REVERSED = -np.stack([np.eye(5)])  # links of somebody who hears everything the other way round


@pytest.fixture(scope="module")
def report() -> Report:
    pictures, composer = load_pictures(), Composer(load_style(str(style_folder())))
    drawing = PictureDrawing(pictures, load_drawings())
    shower = Shower(load_tie(), drawing.drawings.latents, composer)
    notes = [each.notes for each in first_drafts("pop", read_card(SHIPPED_STYLE)["version"]) if each.notes]
    pieces = {"fit": notes[:MANY], "test": notes[MANY : 2 * MANY]}
    found = Report("test", {}, {}, 0)
    evaluation.evaluate_shown(found, shower, drawing, pieces, [ANNOTATED, LEARNED], links=REVERSED)
    return found


def test_music_finds_its_own_pictures_and_not_those_of_other_music(report) -> None:
    figures = report.metrics
    tied, untied = (figures[f"tie.{way}.shown.found_10"] for way in (ANNOTATED, UNTIED))
    assert tied.value is not None
    assert tied.chance == pytest.approx(10 / MANY)
    assert tied.baseline == untied.value
    assert figures[f"tie.{ANNOTATED}.shown.found"].value >= 4 / MANY
    assert tied.value > 0.5
    assert figures[f"tie.{UNTIED}.shown.found"].chance == pytest.approx(1 / MANY)


def test_music_finds_the_pictures_that_are_shown_by_a_listeners_own_tie(report) -> None:
    tied = report.metrics[f"tie.{LEARNED}.shown.found_10"]
    assert tied.value is not None
    assert report.metrics[f"tie.{LEARNED}.shown.found"].value >= 4 / MANY
    assert tied.value > 0.5


def test_every_figure_is_there_for_each_way(report) -> None:
    names = {"speed_correlation", "found", "found_10", "back", "back_10", "neighbours"}
    assert set(report.metrics) == {f"tie.{way}.shown.{name}" for way in (UNTIED, ANNOTATED, LEARNED) for name in names}
