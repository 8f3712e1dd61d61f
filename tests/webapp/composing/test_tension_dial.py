"""Calmer and tenser wishes: what is found is as open as asked, says so in its recipe, and is no blind proof."""

import numpy as np
import pytest
from pydantic import ValidationError

from models.music.notes import Piece
from models.style.drafts import Draft
from models.taste.head import Head
from models.taste.search import CAREFUL, Candidates, best_latents
from webapp.composing import wishes
from webapp.composing.clip_maker import Order
from webapp.composing.tension_dial import TensionDial
from webapp.composing.wishes import Wish

WANTED = 3


@pytest.fixture(scope="module")
def drafts(tiny_composer) -> list[Draft]:
    """Scales that leap more and more, on latents of the tiny model."""
    latents = tiny_composer.draw_each(["pop"] * 12, range(12))
    return [Draft(each, leaping(number)) for number, each in enumerate(latents)]


def leaping(number: int) -> Piece:
    leaps = np.random.default_rng(number).integers(-2 * number, 2 * number + 1, 32)
    notes = [[t * 24, 24, 40 + (20 + t + leap) % 48, 70] for t, leap in enumerate(leaps)]
    return Piece(np.array(notes), np.array([[i * 96, 96, 4, 4] for i in range(8)]), np.full(8, 100.0))


@pytest.fixture(scope="module")
def head(space) -> Head:
    return Head.of(np.linspace(1, -1, space.size), np.eye(space.size) / 9, space.version)


@pytest.fixture(scope="module")
def listen():
    from webapp.generation.tension import Tension

    tension = Tension()
    return lambda pieces: tension.rewards(pieces, "pop").rewards


def found(space, head, drafts, step, listen) -> tuple[TensionDial, list[int]]:
    dial = TensionDial(head, space, CAREFUL, step, listen)
    candidates = Candidates.of(space, [each.latents for each in drafts])
    return dial, [each.origin for each in dial.search(candidates, drafts, WANTED)]


def test_what_is_found_is_as_open_as_the_dial_says_and_its_recipe_tells(space, head, drafts, listen):
    openness = np.array([reward.future for reward in listen([draft.notes.to_json() for draft in drafts])])
    heard = {step: found(space, head, drafts, step, listen) for step in (-2, 2)}
    calm, tense = (openness[places].mean() for _, places in heard.values())
    assert calm < openness.mean() < tense
    dial, places = heard[2]
    recipe = Order("pop", 1, dial.noted(drafts[places[0]])).composed(None).recipe
    assert recipe["tension"] == {"dial": 2, "future": pytest.approx(openness[places[0]], abs=0.001)}
    assert dial.noted(drafts[places[0]]).notes is drafts[places[0]].notes


def test_where_nothing_is_written_it_searches_as_in_the_middle(space, head, drafts, listen):
    unwritten = [Draft(each.latents) for each in drafts]
    dial, places = found(space, head, unwritten, 2, listen)
    candidates = Candidates.of(space, [each.latents for each in unwritten])
    assert places == [each.origin for each in best_latents(head, space, candidates, WANTED, kappa=CAREFUL)]
    assert dial.noted(unwritten[0]).latents.piece == unwritten[0].latents.piece


def test_a_turned_dial_is_no_blind_proof_and_not_for_a_near_piece():
    assert Wish(tension=-1).kind == "tension"
    assert Wish(mode="surprise", tension=1).kind == "surprise"
    assert Wish().kind == "composed"

    def asked(wish: Wish) -> bool:
        return wishes.brings_baselines({"wish": wish.model_dump(mode="json")})

    assert asked(Wish())
    assert not asked(Wish(tension=1))
    with pytest.raises(ValidationError, match="less than or equal to 2"):
        Wish(tension=3)
    with pytest.raises(ValidationError, match="leave tension at 0"):
        Wish(mode="near", near="00000000-0000-0000-0000-000000000001", tension=1)
