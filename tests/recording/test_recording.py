"""The recording is of the models that are shipped, small enough to be kept, and fails where nothing fits."""

from __future__ import annotations

import pytest

from models.music.notes import DOMAINS, Piece
from models.style.latents import Latents
from tests.recording import ANSWERS, COMMAND, NotRecorded, RecordedGenerator
from tests.recording.recording import shipped_versions
from webapp.generation.protocol import DrawingsRequest, GenerateRequest, Locked, Source

MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def recorded() -> RecordedGenerator:
    return RecordedGenerator()


def asks(seed: int = 2**40, **given) -> GenerateRequest:
    return GenerateRequest(id=f"{seed}", seed=seed, **given)


def test_it_was_recorded_with_the_models_that_are_shipped(recorded):
    versions = recorded.recording.versions
    assert versions == shipped_versions(), f"other models are shipped than were recorded: {COMMAND}"
    assert ANSWERS.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_new_request_for_a_clip_gets_another_one_and_the_same_request_the_same(recorded, domain):
    made = [recorded.generate(asks(2**40 + place, domain=domain)) for place in range(8)]
    assert len({str(each.notes) for each in made}) == 8
    assert recorded.generate(asks(2**40, domain=domain)).notes == made[0].notes
    for each in made:
        assert len(Piece.from_json(each.notes).bars) == Latents.from_json(each.latents).bars == 8
        assert each.model_version == recorded.version


def test_a_seed_that_was_recorded_gives_its_own_clip(recorded):
    assert recorded.generate(asks(seed=3)).recipe["seed"] == 3


def test_pictures_are_found_again_by_their_latents(recorded):
    drawn = recorded.drawings(DrawingsRequest(count=2, seed=7), decoded=True)
    again = recorded.drawings(DrawingsRequest(latents=drawn.latents[::-1]), decoded=True)
    assert again.pictures == drawn.pictures[::-1]


def test_what_must_fit_its_input_is_refused_with_the_command(recorded):
    clip = recorded.generate(asks())
    locked = asks(content=Source(latents=clip.latents), locks=Locked(bars=[1], notes=clip.notes))
    for refused in (lambda: recorded.generate(locked), lambda: recorded.play_on(clip.notes, 24, 1)):
        with pytest.raises(NotRecorded, match=COMMAND):
            refused()
    assert len(recorded.not_recorded) == 2
