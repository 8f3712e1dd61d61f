"""Plays music without end that a camera, or a pointer on a map of pictures, steers from bar to bar.

Bars come from ``/api/live`` of the application. Run ``python -m webapp.ui.components.live_player`` for a page of ten
lines that shows it; without the application it tells that nothing answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.picture.readouts import READOUTS, USUAL
from webapp.live.steering import PictureMap
from webapp.ui.components.component import Component

# of each readout: its name, what it is of the picture, and what little and much of it ask of the music
WORDS = {
    "brightness": ("Brightness", "height", "low", "high"),
    "warmth": ("Warmth", "mode", "minor", "major"),
    "busyness": ("Detail", "density", "few notes", "many notes"),
    "size": ("Size", "loudness", "soft", "loud"),
    "motion": ("Motion", "tempo", "slow", "fast"),
}
SEEN_WORDS = (("dark", "bright"), ("cold", "warm"), ("plain", "busy"), ("small", "large"))  # as readouts of a map stand
A_LITTLE = 0.5  # usual deviations, from which on a word is said
PRIVATE = (
    "Nothing of the camera is recorded, stored or sent: this browser reduces each picture to five numbers, and these "
    "alone go to the server."
)


class LivePlayer(Component):
    """A start button, a map of pictures or a camera, what is seen, and which side of the music that moves.

    Args:
        pictures: the map on which somebody points.
        domains: kinds of music to choose from: label and value of each.
    """

    script = "live_player.js"

    def __init__(
        self, pictures: PictureMap, domains: Sequence[tuple[str, str]] = (("Pop", "pop"),), **settings: Any
    ) -> None:
        kinds = "".join(f'<option value="{value}">{label}</option>' for label, value in domains)
        super().__init__(
            {"points": points_of(pictures), "usual": USUAL.tolist()},
            html_template=f"""
<div class="kallos k-live" style="visibility: hidden">
  <div class="k-live-top">
    <button type="button" class="k-solid" data-testid="live-play" aria-pressed="false">Start</button>
    <button type="button" class="k-quiet" data-testid="live-stop" disabled>Stop</button>
    <fieldset class="k-live-ways"><legend class="k-hidden">What steers</legend>
      <label><input type="radio" name="live-steer" value="map" checked> Pictures</label>
      <label><input type="radio" name="live-steer" value="camera"> Camera</label></fieldset>
    <label class="k-live-choice">Music <select name="live-domain" data-part="music">{kinds}</select></label>
    <label class="k-live-choice">Heard <select name="live-way" data-part="music">
      <option value="annotated">as most people hear</option>
      <option value="learned">as I picked</option></select></label>
  </div>
  <p class="k-said" role="status" data-testid="live-said"></p>
  <div class="k-live-room">
    <div>
      <div class="k-live-map" role="slider" tabindex="0" aria-label="Where on the map of pictures" aria-valuemin="0"
           aria-valuemax="100" data-testid="live-map"></div>
      <figure class="k-live-camera" data-testid="live-camera" hidden><video muted playsinline></video>
        <figcaption>{PRIVATE}</figcaption></figure>
    </div>
    <div class="k-live-now">
      <p data-testid="live-bar" aria-live="off"></p><div class="k-live-beats" aria-hidden="true"></div>
      <dl>{"".join(_row(name) for name in READOUTS)}</dl>
      <p class="k-live-key">The bar shows what the music goes by, the line what the camera sees now.</p>
      <p class="k-live-midi" hidden><button type="button" class="k-quiet k-small">Send MIDI…</button>
        <select aria-label="MIDI instrument" hidden></select></p>
    </div>
  </div>
</div>""",
            **settings,
        )


def points_of(pictures: PictureMap) -> list[dict[str, Any]]:
    """What the script draws of a map, and how each picture is called to who doesn't see it."""
    return [
        {"name": name, "x": round(float(x), 4), "y": round(float(y), 4), "url": url, "words": in_words(readouts)}
        for name, (x, y), readouts, url in zip(
            pictures.names, pictures.places, pictures.readouts.tolist(), pictures.addresses, strict=True
        )
    ]


def in_words(readouts: Sequence[float]) -> str:
    """Four readouts of a picture as somebody would say them."""
    said = [
        more if value > 0 else less
        for value, (less, more) in zip(readouts, SEEN_WORDS, strict=True)
        if abs(value) >= A_LITTLE
    ]
    return ", ".join(said) or "in the middle of all"


def _row(name: str) -> str:
    label, side, less, more = WORDS[name]
    return (
        f'<div data-readout="{name}" data-less="{less}" data-more="{more}"><dt>{label}</dt>'
        f'<dd><span class="k-live-meter"></span><span class="k-live-side">{side}<output></output></span></dd></div>'
    )


if __name__ == "__main__":
    import gradio as gr

    from webapp.live.steering import drawings

    with gr.Blocks() as demo:
        LivePlayer(drawings())
    demo.launch()
