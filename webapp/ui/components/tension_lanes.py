"""A piece as it was heard: its notes, and in lanes below them how each bar surprised, how open it was, how well known.

Run ``python -m webapp.ui.components.tension_lanes`` for a page of ten lines that shows one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.music.keys import pitch_name
from models.tension.curves import Curves, HeardNote
from webapp.ui.components import unfolding
from webapp.ui.components.component import Component

BY_CHANCE = 1 / 16  # a bar is found among sixteen
DARKEST = 0.95  # the quantile of surprise from which on a note is as dark as can be
LEAST_NATS = 3.0  # that the darkest note surprised
WAITING = "Point at a note, or step through them with the arrow keys, to read what else was likely there."


@dataclass(frozen=True)
class HeardPiece:
    """What is shown: the curves of a piece, and the number of its first bar. ``name`` says which piece it is."""

    curves: Curves
    name: str = ""
    first_bar: int = 1


class TensionLanes(Component):
    """Notes over bars, the darker the more they surprised, above three lanes with a column a bar.

    A note that is pointed at, tapped or reached with the arrow keys tells what it cost and what else was likely there.
    A line across a lane is what is usual in real music of the kind, or what guessing would come to. Below stands what
    it has told and what it foretells (``unfolding``).

    Args:
        value: A ``HeardPiece``, or ``None`` for nothing.
    """

    script = "tension_lanes.js"
    described = "name, summary, and what is drawn: notes and lanes"

    def __init__(self, value: HeardPiece | None = None, **settings: Any) -> None:
        super().__init__(
            value,
            html_template=f"""
<figure class="kallos k-tension" style="visibility: hidden" data-testid="tension" hidden>
  <p data-part="summary"></p>
  <div class="k-tension-notes" role="slider" tabindex="0" aria-label="Notes, one by one" aria-valuemin="1"
       data-part="notes"></div>
  <div class="k-tension-ruler" aria-hidden="true" data-part="ruler"></div>
  <p class="k-tension-told" data-part="told">{WAITING}</p>
  <div data-part="lanes"></div>
  <table class="k-hidden" data-part="table"></table>
</figure>{unfolding.MARKUP}""",
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """What the script draws, all in words and shares of the height."""
        if value is None or not value.curves.notes:
            return None
        first_bar = value.first_bar + value.curves.silent_bars
        more = {"unfolding": unfolding.drawn(value.curves, value.name, value.first_bar)}
        return {"name": value.name, "first_bar": first_bar} | _drawn(value.curves, first_bar) | more


def told(note: HeardNote, first_bar: int = 1) -> str:
    """A note in a sentence."""
    expected = ", ".join(f"{pitch_name(pitch)} {chance:.0%}" for pitch, chance in note.expected).replace("%", "\u00a0%")
    return (
        f"Bar {int(note.onset) + first_bar}, {pitch_name(note.pitch)}: surprise {note.surprise:.1f} nats, "
        f"uncertainty {note.uncertainty:.1f}, of when, pitch, length and loudness together. "
        f"Likeliest pitches here: {expected}."
    )


def summary(found: Curves, first_bar: int = 1) -> str:
    """The curves in a few sentences."""
    surprising, open_ = (_highest(values) + first_bar for values in (found.surprise, found.uncertainty))
    said = [f"It surprises most in bar {surprising}, and what follows is most open in bar {open_}."]
    known = [share for share in found.recognised if share is not None]
    if known:
        share = round(100 * sum(known) / len(known))
        said.append(
            f"Its own bars are told from fifteen of other pieces {share} times in 100; by guessing, 6 times. Asked "
            "from the fifth bar on."
        )
    if found.loose:
        said.append("It is played off the beat; for hearing it was moved to sixteenths.")
    if not found.heard_whole:
        said.append("It is long: its beginning was heard.")
    return " ".join(said)


def _highest(values: tuple[float | None, ...]) -> int:
    return max(range(len(values)), key=lambda bar: values[bar] or 0.0)


def _drawn(found: Curves, first_bar: int) -> dict[str, Any]:
    surprises = sorted(note.surprise for note in found.notes)
    darkest = max(LEAST_NATS, surprises[int(DARKEST * (len(surprises) - 1))])
    return {
        "summary": summary(found, first_bar),
        "bars": len(found.surprise),
        "notes": [
            [note.onset, note.length, note.pitch, round(min(1.0, note.surprise / darkest), 2), told(note, first_bar)]
            for note in found.notes
        ],
        "lanes": [
            _lane("Surprise", "how unexpected a note was", found.surprise, found.usual_surprise),
            _lane("Uncertainty", "how open it was before a note", found.uncertainty, found.usual_uncertainty),
            {
                "name": "Recognition", "about": "how surely a bar is this piece's own, 0 to 100\u00a0%",
                "values": [None if each is None else f"{each:.0%}" for each in found.recognised],
                "heights": list(found.recognised), "line": BY_CHANCE, "line_name": "by guessing",
            },
        ],
    }  # fmt: skip


def _lane(name: str, about: str, values: tuple[float | None, ...], usual: float) -> dict[str, Any]:
    top = 1.1 * max([usual, *(each for each in values if each is not None)])
    return {
        "name": name, "about": f"{about}, 0 to {top:.0f} nats",
        "values": [None if each is None else f"{each:.1f}" for each in values],
        "heights": [None if each is None else round(each / top, 3) for each in values],
        "line": round(usual / top, 3) if usual else None, "line_name": "usual in real music",
    }  # fmt: skip


if __name__ == "__main__":
    import gradio as gr

    from models.music.abc import read_abc
    from models.tension.score import curves, load_tension
    from webapp.ui.components.demo import TUNES

    with gr.Blocks() as demo:
        TensionLanes(HeardPiece(curves(load_tension(), read_abc(TUNES)[0])), interactive=True)
    demo.launch()
