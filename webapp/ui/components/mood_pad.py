"""A pad of valence and arousal: where pieces lie, and where the next one is to go.

Run ``python -m webapp.ui.components.mood_pad`` for a page of ten lines that tells where was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from webapp.generation.protocol import Mood
from webapp.ui.components.component import Component


@dataclass(frozen=True)
class Moods:
    """What the pad shows: the moods of the ``old`` piece and, where there is one, of the ``new`` one.

    ``names`` says which pieces these are. ``fixed``: it can only be looked at. ``asked``: the valence and arousal that
    the new one was to have.
    """

    names: tuple[str, str] = ("", "")
    old: Mood | None = None
    new: Mood | None = None
    fixed: bool = False
    asked: list[float] | None = None


ANY = '<button type="button" class="k-quiet k-small" data-part="any" aria-pressed="true">Any mood</button>'


class MoodPad(Component):
    """A square: sad to happy from left to right, calm to lively upwards. A point is chosen by mouse, touch or keys.

    Args:
        value: ``Moods``, or ``None`` for nothing. In the browser and for handlers it is a dictionary, with ``target``,
            valence and arousal (-1 to 1 each) of the point that was chosen.
        label: What the pad is called for those who don't see it.
        any_button: A button below takes the point away again, and it may be chosen while no piece lies on the pad.

    Events:
        input: A point was chosen, or taken away.
    """

    script = "mood_pad.js"
    described = "names, old, new and target: valence and arousal, -1 to 1 each"

    def __init__(
        self,
        value: Moods | None = None,
        *,
        label: str = "Mood of the next version",
        any_button: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(
            value,
            html_template=f"""
<div class="kallos k-mood" style="visibility: hidden" data-testid="mood-pad">
  <div class="k-mood-pad" role="slider" tabindex="0" aria-label="{escape(label)}" aria-valuemin="-100"
       aria-valuemax="100" aria-describedby="mood-keys">
    <span data-corner="tense">tense</span><span data-corner="happy">happy</span>
    <span data-corner="sad">sad</span><span data-corner="calm">calm</span>
    <i data-part="old" hidden></i><i data-part="new" hidden></i><i data-part="target" hidden></i>
  </div>
  <p class="k-mood-keys" id="mood-keys">Tap a place, or move there with the arrow keys and press Enter.</p>
  {ANY if any_button else ""}
</div>""",
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """What the script draws."""
        if not isinstance(value, Moods):
            return value
        old, new = (mood and [round(mood.valence, 3), round(mood.arousal, 3)] for mood in (value.old, value.new))
        shown = {"names": list(value.names), "old": old, "new": new, "fixed": value.fixed, "target": None}
        return {**shown, "asked": value.asked}


if __name__ == "__main__":
    import gradio as gr

    with gr.Blocks() as demo:
        pad = MoodPad(Moods(("old", "new"), Mood(valence=-0.4, arousal=-0.2), Mood(valence=0.6, arousal=0.5)))
        told = gr.Textbox(label="Asked for")
        free = MoodPad(Moods(), label="Mood of the next pieces", any_button=True)
        wanted = gr.Textbox(label="Wanted")
        for each, said in ((pad, told), (free, wanted)):
            each.input(lambda shown: str(shown["target"]), each, said)
        late = "(pad) => new Promise((laid) => setTimeout(() => laid({ ...pad, new: [0.4, 0.3] }), 1000))"
        gr.Button("Lay a piece there in a second").click(None, free, free, js=late)
    demo.launch()
