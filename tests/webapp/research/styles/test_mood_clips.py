"""Clips of the shipped map by the mood that is read from their latents."""

from __future__ import annotations

import csv
import io
import uuid
from collections import Counter

import pytest

from models.atlas.points import load_shipped_map
from models.style.latents import GROUPS
from webapp.maps.open_maps import OpenMap
from webapp.research.styles import mood_clips
from webapp.runtime.errors import NotYours


@pytest.fixture(scope="module")
def shipped_map() -> OpenMap:
    drawn = load_shipped_map("clips")
    assert drawn is not None
    return OpenMap(uuid.uuid4(), drawn)


@pytest.fixture(scope="module")
def dance(shipped_map):
    return mood_clips.read_clips(shipped_map, "dance")


def test_every_group_of_latents_has_its_accuracies_and_tempo_tells_arousal_alone(dance):
    assert list(dance.readings) == list(GROUPS)
    tempo = dance.readings["tempo"]
    assert tempo.arousal.low > 0.8
    assert tempo.valence.high < 0.6
    assert dance.readings["harmony"].valence.low > tempo.valence.high
    table = dance.table("tempo")
    assert (table["rows"], table["columns"]) == (list(GROUPS), ["valence", "arousal"])
    assert [row for row, cells in zip(GROUPS, table["cells"], strict=True) if cells[0]["own"]] == ["tempo"]
    rows = list(csv.DictReader(io.StringIO(dance.to_csv())))
    assert len(rows) == 2 * len(GROUPS)
    assert float(rows[-1]["low"]) < float(rows[-1]["value"]) < float(rows[-1]["high"])


def test_points_are_the_maps_clips_of_this_music_with_a_mood(shipped_map, dance):
    points, told = shipped_map.drawn.points, dance.points("harmony")
    assert {points.colours["domain"][row] for row in told["rows"]} == {"dance"}
    labels, codes = told["colours"]["mood"].values()
    assert [labels[code] for code in codes] == [points.colours["mood"][row] for row in told["rows"]]
    assert told["text"] == [points.texts[row] for row in told["rows"]]
    judged = Counter(zip(points.colours["domain"], points.colours["mood"], strict=True))
    assert judged["dance", "happy"] == codes.count(labels.index("happy"))
    assert sum(region["box"]["size"] for region in told["regions"]) == len(told["x"])
    with pytest.raises(NotYours, match="'mood' were asked for; there are content, rhythm"):
        dance.points("mood")


def test_where_a_half_has_too_few_clips_nothing_is_read(shipped_map):
    pop = mood_clips.read_clips(shipped_map, "pop")
    assert not pop.readings
    assert (len(pop.rows), pop.rarest) == (27, 3)
    nothing = mood_clips.read_clips(shipped_map, "nothing")
    assert (len(nothing.rows), nothing.rarest) == (0, 0)
