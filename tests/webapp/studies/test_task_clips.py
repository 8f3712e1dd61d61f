"""What is really composed for a study of moods, and for one of what fits."""

from __future__ import annotations

import pytest

from models.mood.judge import load_mood
from models.mood.labels import QUADRANTS
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from webapp.studies.design import MOODS, ForMoods, ForPictures
from webapp.studies.sources import SourceError
from webapp.studies.task_clips import ROWS, for_moods, for_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(load_style(str(style_folder()), "cpu"), "cpu")


def test_each_method_makes_clips_of_each_mood(composer: Composer) -> None:
    kinds = {"written": "pop", "rules": "pop", "plain": "pop", "real": "dance"}
    wanted = [ForMoods(system=name, method=name, kind=kind, count=1).model_dump() for name, kind in kinds.items()]  # type: ignore[arg-type]
    made = list(for_moods(composer, wanted))
    assert [(each.system, each.item) for each in made] == [(name, mood) for name in kinds for mood in MOODS]
    first = load_mood().first.judge([each.piece for each in made]).quadrant.argmax(1)
    right = {
        name: sum(first[row] == ROWS[each.item] for row, each in enumerate(made) if each.system == name)
        for name in kinds
    }
    assert right["written"] >= 3  # the judge itself has chosen
    assert right["rules"] >= right["plain"]
    assert len(ROWS) == len(QUADRANTS)
    assert made[-1].recipe["piece"], "one knows which piece it is"


def test_music_for_another_picture_is_the_same_music(composer: Composer) -> None:
    shown = ("v02", "on-the-road")
    wanted = [
        ForPictures(system=method, method=method, shown=shown).model_dump()  # type: ignore[arg-type]
        for method in ("annotated", "another")
    ]
    first, second, of_second, of_first = for_pictures(composer, wanted, 6.0)
    assert [each.item for each in (first, second, of_second, of_first)] == [*shown, *shown]
    assert (first.piece.notes == of_first.piece.notes).all()
    assert (second.piece.notes == of_second.piece.notes).all()
    assert len(first.piece.notes) != len(second.piece.notes)
    with pytest.raises(SourceError, match="no-such"):
        next(for_pictures(composer, [{**wanted[0], "shown": ("no-such", "v02")}], 6.0))
