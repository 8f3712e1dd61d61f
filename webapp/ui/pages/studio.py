"""The studio: take a piece, let it borrow a rhythm here and a harmony there, and hear new against old."""

from __future__ import annotations

import gradio as gr

from models.style.latents import STYLE_GROUPS
from webapp.ui.pages.frame import KEYS, page
from webapp.ui.pages.picker import PICKER, finder
from webapp.ui.pages.player import domains, player

EXPLAINED = {
    "rhythm": "when notes begin and how long they last",
    "register": "how high or low it lies",
    "harmony": "chords, bass and mode",
    "dynamics": "soft and loud",
    "tempo": "slow and fast",
    "texture": "single notes or thick chords",
}


BARS = '<div class="k-bars" role="group" aria-label="Lock bars of the old one"></div>'
RULER = '<div class="k-bars" aria-hidden="true"></div>'
DESCRIBED_WAY = 'data-testid="way" aria-describedby="k-way-off"'
LOCKS = ("melody", "harmony", "rhythm")


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


def _dial(group: str, name: str, explained: str, asks: str, label: str) -> str:
    turn = _turn(group) if group in STYLE_GROUPS else ""
    return f"""
<div class="k-dial" role="group" aria-labelledby="k-{group}-name" data-group="{group}">
  <h3 id="k-{group}-name">{name}</h3>
  <p class="k-words" data-part="from">{explained}</p>{turn}
  <div class="k-strength" hidden>
    <span aria-hidden="true">own</span>
    <input type="range" min="0" max="100" step="5" value="100" aria-label="How far to {label}, in percent"
           data-testid="strength-{group}">
    <output></output>
  </div>
  <button type="button" class="k-quiet k-small" data-do="return" aria-label="Give {label} back" hidden>Give back
  </button>
  <button type="button" class="k-quiet k-small" data-do="borrow" data-testid="borrow-{group}"
          aria-label="{asks} {label}" aria-haspopup="dialog">{asks}</button>
</div>"""


def _style(group: str) -> str:
    return _dial(group, group.capitalize(), EXPLAINED.get(group, ""), "Borrow", f"the {group} of another piece")


def _lock(name: str) -> str:
    return (
        f'<button type="button" class="k-quiet k-small k-lock" data-lock="{name}" data-testid="lock-{name}" '
        f'aria-pressed="false" aria-label="Lock the {name}">{name.capitalize()}</button>'
    )


def _tool(do: str, label: str, *, attributes: str = "") -> str:
    return f'<button type="button" class="k-quiet k-small" data-do="{do}" {attributes}>{label}</button>'


def build() -> gr.HTML:
    """The page at ``/studio``."""
    return page(
        "studio",
        f"""
<div class="k-ask">
  <div><h1>Studio</h1>
  <p class="k-lead">One piece, played another way: with the rhythm of a second and the harmony of a third.</p></div>
</div>
<section class="k-start" aria-labelledby="k-start-title">
  <div class="k-start-head">
    <h2 id="k-start-title">Start from</h2>
    {domains("k-start-domain")}
    <label class="k-quiet k-small k-file"><span>Your own MIDI or ABC<span data-part="read-as"></span></span>
      <input type="file" class="k-hidden" accept=".mid,.midi,.abc,audio/midi,text/vnd.abc" data-testid="upload"></label>
  </div>{finder("start")}
  <p class="k-said" role="alert" data-part="upload-error"></p>
  <p class="k-said" role="alert" data-part="choices-said"></p>
  <div class="k-wait" hidden>{KEYS}<p>Composing the first pieces…</p></div>
  <div class="k-choices" data-part="choices"></div>
  <p class="k-more">{_tool("more", "Show more", attributes="hidden")}</p>
</section>
<div class="k-bench" hidden>
  <p class="k-shared" data-part="shared" hidden></p>
  <div class="k-pair">{player("a", "Old", "O", BARS)}{player("b", "New", "N", RULER)}</div>
  <p class="k-said" role="status" aria-live="polite" data-part="said"></p>
  <div class="k-tools" role="toolbar" aria-label="What to do with it">
    {_tool("undo", "Undo", attributes='aria-keyshortcuts="Control+Z" data-testid="undo"')}
    {_tool("redo", "Redo", attributes='aria-keyshortcuts="Control+Y" data-testid="redo"')}
    {_tool("vary", "Four variations", attributes='data-testid="variations"')}
    {_tool("score", "Score", attributes='aria-expanded="false" aria-controls="k-score" data-testid="score"')}
    {_tool("share", "Link", attributes='data-testid="link"')}
    {_tool("offer", "Offer as a blind pair", attributes='data-testid="offer" aria-describedby="k-off"')}
    <details class="k-menu k-save">
      <summary class="k-quiet k-small" data-testid="save">Save the new one</summary>
      <div class="k-menu-list">
        <button type="button" data-form="mid">MIDI</button>
        <button type="button" data-form="abc">ABC</button>
        <button type="button" data-form="mp3">MP3</button>
        <button type="button" data-form="wav">WAV</button>
      </div>
    </details>
  </div>
  <p class="k-reason" id="k-off" data-part="off" data-testid="off" hidden></p>
  <section class="k-variations" aria-labelledby="k-variations-title" hidden>
    <h2 id="k-variations-title">Variations</h2>
    <p class="k-explain" data-part="variations-order"></p>
    <div class="k-choices" data-part="variations"></div>
  </section>
  <section class="k-score" id="k-score" aria-labelledby="k-score-title" hidden>
    <h2 id="k-score-title">Score</h2>
    <p class="k-said" role="status" data-part="score-said"></p>
    <div class="k-paper"><div data-part="paper"></div></div>
  </section>
  <section class="k-keep" aria-labelledby="k-keep-title">
    <h2 id="k-keep-title">Keep</h2>
    <p class="k-explain">Lock what you like, here or bar by bar below the old one: bars and melody stay note for note,
      harmony and rhythm in kind. The rest is composed again.</p>
    <div class="k-locks">
      <div class="k-lock-row" role="group" aria-label="Lock">{"".join(map(_lock, LOCKS))}</div>
      <div class="k-strength">
        <span aria-hidden="true">keep</span>
        <input type="range" min="0" max="100" step="5" value="100" data-part="keep" data-testid="keep"
               aria-label="How much of the rest is kept, in percent">
        <output></output>
      </div>
      {_tool("again", "Compose the rest again", attributes='data-testid="again" aria-describedby="k-again-off"')}
    </div>
    <p class="k-reason" id="k-again-off" data-part="again-off">Lock something first, or keep less than all of it.</p>
  </section>
  <section class="k-dials" aria-labelledby="k-dials-title">
    <h2 id="k-dials-title">Turn or borrow</h2>
    <p class="k-explain">The tune stays. Turn a style one way or the other, or take it from another piece, wholly or
      some of the way. <span data-part="legend" hidden>The line is this piece; shaded is where nine of ten real pieces
      of its kind lie, darker the middle half.</span></p>
    {"".join(_style(group) for group in STYLE_GROUPS)}
  </section>
  <section class="k-dials" aria-labelledby="k-way-title">
    <h2 id="k-way-title">On the way</h2>
    <p class="k-explain">The whole piece, tune and all, on its way to another. The tempo goes evenly; meter and kind of
      music change half way.</p>
    {_dial("toward", "Everything", "all of this piece, as it is", "Choose", "another piece, with everything")}
    <p class="k-more">{_tool("way", "Hear five steps of the way", attributes=DESCRIBED_WAY)}</p>
    <p class="k-reason" id="k-way-off" data-part="way-off" data-testid="way-off"></p>
    <div class="k-choices k-steps" data-part="way" data-testid="steps"></div>
  </section>
  <p class="k-again">
    {_tool("onward", "Go on from the new one", attributes='data-testid="onward"')}
    {_tool("leave", "Start from another piece", attributes='data-testid="leave"')}
  </p>
</div>
{PICKER}
<dialog class="k-dialog" data-dialog="studio-link" aria-labelledby="k-studio-link-title">
  <h2 id="k-studio-link-title">A link to this piece</h2>
  <p>Whoever opens it hears the new against the old and sees what was borrowed, but not who
    you are.</p>
  <input type="text" readonly aria-label="Link to this piece" data-part="url">
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Close</button>
    <button type="button" class="k-solid" data-part="copy">Copy link</button>
  </div>
</dialog>
<p class="k-status" role="status" aria-live="polite"></p>
""",
    )
