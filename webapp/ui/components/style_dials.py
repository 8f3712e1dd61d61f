"""Dials, one a style: turned by mouse or keyboard, marked with where real music lies, or borrowed with a strength.

Run ``python -m webapp.ui.components.style_dials`` for a page of ten lines that tells what is turned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from webapp.studio.pieces import Borrowed, Described
from webapp.studio.studio import Dial
from webapp.ui.components.component import Component, Event

EXPLAINED = {
    "rhythm": "when notes begin and end",
    "register": "how high or low",
    "harmony": "chords, bass and mode",
    "dynamics": "soft and loud",
    "tempo": "slow and fast",
    "texture": "single notes or thick chords",
}
EXPLAINED_PICTURES = {
    "size": "how much of the paper is drawn on",
    "symmetry": "how alike left and right are",
    "warmth": "blue or red",
    "colourfulness": "grey or full of colour",
    "brightness": "dark or light",
    "contrast": "how far light and dark lie apart",
    "busyness": "few or many edges",
}
PICTURES_LEGEND = "Nine of ten of our pictures lie in the shaded part of a dial, half of them in the darker part."
LEGEND = "Nine of ten real pieces of its kind lie in the shaded part of a dial, half of them in the darker part."


@dataclass(frozen=True)
class Styles:
    """What the rows show.

    Args:
        dials: Style → its dial: the attribute, its value in the piece, its standard deviation, where real music lies.
        no_dials: Style → why it can only be borrowed.
        styles: Style → from which source it is borrowed, and how far it goes there.
        turned: Style → by how many standard deviations it is turned.
        sources: Name of a source → what it is called and how it sounds.
        meter: Numerator and denominator, by which tempo is counted.
        fixed: Whether all of it can only be looked at.
    """

    dials: Mapping[str, Dial] = field(default_factory=dict)
    no_dials: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, Borrowed] = field(default_factory=dict)
    turned: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, Described] = field(default_factory=dict)
    meter: tuple[int, int] = (4, 4)
    fixed: bool = False


class StyleDials(Component):
    """Turns and borrows styles.

    Args:
        value: What is turned and borrowed, and what the dials are marked with.
        groups: Style → what it is, in a few words.
        explained: A line above the rows; where real music is marked, the legend follows it.
        turned: Whether the rows have dials; otherwise a style is only borrowed.
        asks: What the button says that borrows.
        borrowed: Whether a style can be borrowed; otherwise it is only turned.
        legend: What the marks on the dials mean.
        named: What it is borrowed from: a piece, a picture.

    Events:
        input: A dial or a strength was set, or a style removed; the value says how.
        change: The value is another one, also from Python.
        borrow: Somebody wants to choose from what to borrow; ``gr.EventData`` has the ``group``.
    """

    script = "style_dials.js"
    described = "dials, styles, turned, sources by name"
    custom_events = ("borrow",)
    borrow: Event

    def __init__(
        self,
        value: Styles | None = None,
        *,
        groups: Mapping[str, str] | None = None,
        explained: str = "",
        turned: bool = True,
        asks: str = "Borrow",
        borrowed: bool = True,
        legend: str = LEGEND,
        named: str = "piece",
        **settings: Any,
    ) -> None:
        rows = "".join(
            _row(group, about, asks, named, turned=turned, borrowed=borrowed)
            for group, about in (groups or EXPLAINED).items()
        )
        marks = f' <span data-part="legend" hidden>{legend}</span>' if turned else ""
        above = f'<p class="k-explain">{explained}{marks}</p>' if explained else ""
        super().__init__(
            value,
            html_template=f'<div class="kallos k-dials" style="visibility: hidden">{above}{rows}</div>',
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The rows as the script takes them."""
        return asdict(value) if isinstance(value, Styles) else value


def _row(group: str, about: str, asks: str, source: str, *, turned: bool, borrowed: bool) -> str:
    name, label = ("Everything", f"another {source}, with everything") if group == "toward" else _named(group, source)
    own = "" if borrowed else " data-own"
    return f"""
<div class="k-dial" role="group" aria-labelledby="k-{group}-name" data-group="{group}"{own}>
  <h3 id="k-{group}-name">{name}</h3>
  <p class="k-words" data-part="from">{about}</p>{_turn(group) if turned else ""}
  <div class="k-strength" hidden>
    <span aria-hidden="true">this {source}</span>
    <input type="range" min="0" max="100" step="5" value="100" aria-label="How far to {label}, in percent"
           data-testid="strength-{group}">
    <output></output>
  </div>
  <button type="button" class="k-quiet k-small" data-do="return" aria-label="Remove {label}" hidden>Remove
  </button>
  <button type="button" class="k-quiet k-small" data-do="borrow" data-testid="borrow-{group}"
          aria-label="{asks} {label}">{asks}</button>
</div>"""


def _named(group: str, source: str) -> tuple[str, str]:
    return group.capitalize(), f"the {group} of another {source}"


def _turn(group: str) -> str:
    """The dial of a style; what its ends are called is filled in with where real music lies."""
    return f"""
  <div class="k-turn" hidden>
    <span data-part="less" aria-hidden="true"></span>
    <span class="k-turn-scale"><i data-part="most"></i><i data-part="half"></i><i data-part="own"></i>
      <input type="range" min="-2" max="2" step="0.25" value="0" data-testid="turn-{group}"></span>
    <span data-part="more" aria-hidden="true"></span>
  </div>
  <p class="k-no-dial" data-part="none" hidden></p>"""


if __name__ == "__main__":
    import gradio as gr

    def told(value: dict[str, Any]) -> str:
        """What is turned, by how much."""
        return ", ".join(f"{group} by {by:g}" for group, by in value["turned"].items())

    RHYTHM = Dial("onsets_per_bar", 6.0, 2.0, [2.0, 4.0, 5.0, 7.0, 9.0])
    with gr.Blocks() as demo:
        dials = StyleDials(Styles({"rhythm": RHYTHM, "tempo": Dial("tempo_bpm", 110.0, 20.0, None)}))
        dials.input(told, dials, gr.Textbox(label="Turned", interactive=True))
    demo.launch()
