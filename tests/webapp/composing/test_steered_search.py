"""Wishes for calmer, tenser and a mood: what is found is heard so, says so in its recipe, and is no blind proof."""

import numpy as np
import pytest
from pydantic import ValidationError

from models.mood.liking import MOODS
from models.music.notes import Piece
from models.style.drafts import Draft
from models.taste.head import Head
from models.taste.search import CAREFUL, Candidates, best_latents
from webapp.composing import wishes
from webapp.composing.clip_maker import Order
from webapp.composing.dials import MOOD, Dial, MoodPlace, SteeredSearch, dials, mood_dial, place_of, tension_dial
from webapp.composing.wishes import Wish
from webapp.generation.companions import MoodJudges, Tension

WANTED = 3


@pytest.fixture(scope="module")
def drafts(tiny_composer) -> list[Draft]:
    """Scales that leap more and more, louder and faster, on latents of the tiny model."""
    latents = tiny_composer.draw_each(["pop"] * 12, range(12))
    return [Draft(each, leaping(number)) for number, each in enumerate(latents)]


def leaping(number: int) -> Piece:
    leaps = np.random.default_rng(number).integers(-2 * number, 2 * number + 1, 32)
    notes = [[t * 24, 24, 40 + (20 + t + leap) % 48, 40 + 5 * number] for t, leap in enumerate(leaps)]
    bars = np.array([[i * 96, 96, 4, 4] for i in range(8)])
    return Piece(np.array(notes), bars, np.full(8, 60.0 + 10 * number))


@pytest.fixture(scope="module")
def head(space) -> Head:
    return Head.of(np.linspace(1, -1, space.size), np.eye(space.size) / 9, space.version)


class Ears:
    """What a generator hears, without one."""

    def __init__(self) -> None:
        self.rewards, self.moods = Tension().rewards, MoodJudges().moods


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


def found(space, head, drafts, *turned: Dial) -> tuple[SteeredSearch, list[int]]:
    steered = SteeredSearch(head, space, CAREFUL, turned)
    candidates = Candidates.of(space, [each.latents for each in drafts])
    return steered, [each.origin for each in steered.search(candidates, drafts, WANTED)]


def recipe_of(steered: SteeredSearch, draft: Draft) -> dict:
    return Order("pop", 1, steered.noted(draft)).composed(None).recipe


def music_of(drafts: list[Draft]) -> list[dict]:
    return [draft.notes.to_json() for draft in drafts]


@pytest.mark.slow
def test_what_is_found_is_as_open_as_the_dial_says_and_its_recipe_tells(space, head, drafts, ears):
    openness = np.array([reward.future for reward in ears.rewards(music_of(drafts), "pop").rewards])
    heard = {step: found(space, head, drafts, tension_dial(ears, "pop", step)) for step in (-2, 2)}
    calm, tense = (openness[places].mean() for _, places in heard.values())
    assert calm < openness.mean() < tense
    steered, places = heard[2]
    recipe = recipe_of(steered, drafts[places[0]])
    assert recipe["tension"] == {"dial": 2, "future": pytest.approx(openness[places[0]], abs=0.001)}
    assert MOOD not in recipe
    assert steered.noted(drafts[places[0]]).notes is drafts[places[0]].notes


@pytest.mark.slow
@pytest.mark.parametrize("mood", [*MOODS, MoodPlace(valence=0.3, arousal=-0.2)])
def test_what_is_found_is_near_the_mood_and_its_recipe_tells(space, head, drafts, ears, mood):
    heard = np.array([(each.valence, each.arousal) for each in ears.moods(music_of(drafts)).moods])
    place = place_of(mood)
    steered, places = found(space, head, drafts, mood_dial(ears, mood))
    away = np.linalg.norm(heard - [place.valence, place.arousal], axis=1)
    assert away[places].mean() < away.mean()
    valence, arousal = heard[places[0]]
    assert recipe_of(steered, drafts[places[0]])["mood"] == {
        "wish": mood if mood in MOODS else mood.model_dump(),
        "valence": pytest.approx(valence, abs=0.001),
        "arousal": pytest.approx(arousal, abs=0.001),
    }


def test_what_two_dials_cost_is_added_up_and_both_are_noted(space, head, drafts, ears):
    def costs(name: str, free: list[int]) -> Dial:
        """Dear are all but these."""
        return Dial(
            name=name,
            hear=lambda pieces: [(piece["notes"][0][3] - 40) // 5 for piece in pieces],  # the draft's number
            cost=lambda numbers: np.array([0.0 if number in free else 50.0 for number in numbers]),
            note=lambda number: {"number": number},
        )

    steered, places = found(space, head, drafts, costs("tension", [1, 2, 3, 4]), costs("mood", [2, 3, 4, 5]))
    assert sorted(places) == [2, 3, 4]
    recipe = recipe_of(steered, drafts[3])
    assert recipe["tension"] == recipe["mood"] == {"number": 3}
    assert [dial.name for dial in dials(ears, "pop", tension=1, mood="sad")] == ["tension", "mood"]
    assert not dials(ears, "pop", tension=0, mood=None)


def test_what_a_dial_cannot_hear_is_not_taken(space, head, drafts):
    def hear(pieces):
        return [None if piece["notes"][0][3] > 65 else 0.0 for piece in pieces]

    deaf = Dial(name=MOOD, hear=hear, cost=lambda heard: np.zeros(len(heard)), note=lambda _: {})
    _, places = found(space, head, drafts, deaf)
    assert max(places) <= 5


def test_what_was_written_for_it_is_heard_however_little_it_is_liked(space, head, drafts, monkeypatch):
    monkeypatch.setattr("webapp.composing.dials.SEARCHED", 2)
    candidates = Candidates.of(space, [each.latents for each in drafts])
    *_, least = (each.origin for each in best_latents(head, space, candidates, len(drafts), refine=False))
    heard = []
    dial = Dial(
        name=MOOD,
        hear=lambda pieces: heard.extend(pieces) or [piece["tempo_bpm"][0] for piece in pieces],
        cost=lambda tempi: 100.0 * (np.array(tempi) != drafts[least].notes.tempo_bpm[0]),
        note=lambda _: {},
    )
    steered = SteeredSearch(head, space, CAREFUL, [dial], written=[drafts[least]])
    best, *_ = steered.search(candidates, drafts, 2)
    assert len(heard) == 3
    assert best.origin == least


def test_where_nothing_is_written_it_searches_as_without_a_dial(space, head, drafts, ears):
    unwritten = [Draft(each.latents) for each in drafts]
    steered, places = found(space, head, unwritten, tension_dial(ears, "pop", 2))
    candidates = Candidates.of(space, [each.latents for each in unwritten])
    assert places == [each.origin for each in best_latents(head, space, candidates, WANTED, kappa=CAREFUL)]
    assert steered.noted(unwritten[0]).latents.piece == unwritten[0].latents.piece


def test_what_is_steered_is_no_blind_proof_and_not_for_a_near_piece() -> None:
    for steered in (
        {"tension": -1},
        {"mood": "sad"},
        {"tension": 1, "mood": "calm"},
        {"mood": {"valence": 0, "arousal": 0}},
    ):
        assert Wish(**steered).kind == "tension"
        assert Wish(mode="surprise", **steered).kind == "surprise"
        assert Wish().kind == "composed"

        def asked(wish: Wish) -> bool:
            return wishes.brings_baselines({"wish": wish.model_dump(mode="json")})

        assert asked(Wish())
        assert not asked(Wish(**steered))
        with pytest.raises(ValidationError, match=r"leave (tension at 0|mood out)"):
            Wish(mode="near", near="00000000-0000-0000-0000-000000000001", **steered)


def test_a_wish_beyond_the_dial_or_for_another_mood_is_refused():
    with pytest.raises(ValidationError, match="less than or equal to 2"):
        Wish(tension=3)
    with pytest.raises(ValidationError, match="'happy', 'tense', 'sad' or 'calm'"):
        Wish(mood="merry")
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Wish(mood={"valence": 1.1, "arousal": 0})
