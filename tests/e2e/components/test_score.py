"""A score is drawn when it is first asked for, and put away again."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from models.music.abc_writer import write_abc
from models.music.notes import Piece

pytestmark = pytest.mark.slow

COMPONENT = "score"
DRAW = """
text => {
  const drawing = document.body.appendChild(document.createElement("div"));
  try {
    ABCJS.renderAbc(drawing, text, { staffwidth: 680, wrap: { minSpacing: 1.4, maxSpacing: 2.6 } });
    return drawing.querySelectorAll(".abcjs-note, path").length > 10 ? "" : "nothing was drawn";
  } catch (error) {
    return error.message;
  } finally {
    drawing.remove();
  }
}"""


def scattered(seed: int) -> Piece:
    """Two bars in two hands and four parts, on a grid of triplets or sixteenths that changes from beat to beat."""
    rng = np.random.default_rng(seed)
    notes = []
    for center in (48, 60, 67, 76):
        for beat in range(8):
            grid = int(rng.choice([6, 8, 12, 24]))
            places = np.flatnonzero(rng.random(24 // grid) < 0.6) * grid + 24 * beat
            notes += [
                (int(at), int(rng.choice([grid, 2 * grid])), center + int(rng.integers(-3, 4)), 70) for at in places
            ]
    bars = np.array([[0, 96, 4, 4], [96, 96, 4, 4]])
    return Piece(np.array(sorted(notes)), bars, np.array([100.0, 100.0]), domain=("pop", "chorale")[seed % 2])


def test_a_score_is_drawn_when_it_is_asked_for(shown):
    page = shown()
    button = page.get_by_role("button", name="Score")
    expect(page.locator(".k-paper svg")).to_have_count(0)
    button.click()
    expect(page.locator(".k-paper svg")).to_be_visible()
    expect(page.get_by_role("heading", name="Speed the Plough")).to_be_visible()
    button.click()
    expect(page.locator(".k-paper svg")).to_be_hidden()


def test_whatever_rhythms_a_piece_has_its_score_can_be_drawn(shown):
    page = shown()
    page.get_by_role("button", name="Score").click()
    expect(page.locator(".k-paper svg")).to_be_visible()
    texts = [write_abc(scattered(seed), reading=True) for seed in range(40)]
    assert sum("(3:2" in text and "x" in text for text in texts) > 10
    assert [page.evaluate(DRAW, text) for text in texts] == [""] * len(texts)


def test_a_score_that_cannot_be_drawn_says_so(shown):
    page = shown()
    page.get_by_role("button", name="Score").click()
    expect(page.locator(".k-paper svg")).to_be_visible()
    page.evaluate("void (ABCJS.renderAbc = () => { throw new TypeError('of its own') })")
    page.get_by_test_id("print").click()
    expect(page.get_by_role("status").filter(has_text="could not be drawn")).to_be_visible()
    expect(page.locator("iframe[data-testid=printed]")).to_have_count(0)
