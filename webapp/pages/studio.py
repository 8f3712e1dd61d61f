"""The studio: take a piece, let it borrow a rhythm here and a harmony there, and hear new against old."""

from __future__ import annotations

import gradio as gr

from models.style.latents import STYLE_GROUPS
from webapp.pages.frame import KEYS, page
from webapp.pages.player import domains, player

EXPLAINED = {
    "rhythm": "when notes begin and how long they last",
    "register": "how high or low it lies",
    "harmony": "chords, bass and mode",
    "dynamics": "soft and loud",
    "tempo": "slow and fast",
    "texture": "single notes or thick chords",
}


def _dial(group: str) -> str:
    name = group.capitalize()
    return f"""
<div class="k-dial" role="group" aria-labelledby="k-{group}-name" data-group="{group}">
  <h3 id="k-{group}-name">{name}</h3>
  <p class="k-words" data-part="from">{EXPLAINED.get(group, "")}</p>
  <div class="k-strength" hidden>
    <span aria-hidden="true">own</span>
    <input type="range" min="0" max="100" step="5" value="100" aria-label="How far to the borrowed {group}, in percent"
           data-testid="strength-{group}">
    <output></output>
  </div>
  <button type="button" class="k-quiet k-small" data-do="return" aria-label="Give the {group} back" hidden>Give back
  </button>
  <button type="button" class="k-quiet k-small" data-do="borrow" data-testid="borrow-{group}"
          aria-label="Borrow the {group} of another piece" aria-haspopup="dialog">Borrow</button>
</div>"""


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
    <label class="k-quiet k-small k-file">Your own MIDI or ABC
      <input type="file" class="k-hidden" accept=".mid,.midi,.abc,audio/midi,text/vnd.abc" data-testid="upload"></label>
  </div>
  <p class="k-said" role="alert" data-part="upload-error"></p>
  <div class="k-wait" hidden>{KEYS}<p>Composing the first pieces…</p></div>
  <div class="k-choices" data-part="choices"></div>
  <p class="k-more">{_tool("more", "Show more", attributes="hidden")}</p>
</section>
<div class="k-bench" hidden>
  <p class="k-shared" data-part="shared" hidden></p>
  <div class="k-pair">{player("a", "Old", "O")}{player("b", "New", "N")}</div>
  <p class="k-said" role="status" aria-live="polite" data-part="said"></p>
  <div class="k-tools" role="toolbar" aria-label="What to do with it">
    {_tool("undo", "Undo", attributes='aria-keyshortcuts="Control+Z" data-testid="undo"')}
    {_tool("redo", "Redo", attributes='aria-keyshortcuts="Control+Y" data-testid="redo"')}
    {_tool("vary", "Four variations", attributes='data-testid="variations"')}
    {_tool("share", "Link", attributes='data-testid="link"')}
    {_tool("offer", "Offer as a blind pair", attributes='data-testid="offer"')}
    <details class="k-menu k-save">
      <summary class="k-quiet k-small" data-testid="save">Save the new one</summary>
      <div class="k-menu-list">
        <button type="button" data-form="mid">MIDI</button>
        <button type="button" data-form="mp3">MP3</button>
        <button type="button" data-form="wav">WAV</button>
      </div>
    </details>
  </div>
  <section class="k-variations" aria-labelledby="k-variations-title" hidden>
    <h2 id="k-variations-title">Variations</h2>
    <p class="k-explain" data-part="variations-order"></p>
    <div class="k-choices" data-part="variations"></div>
  </section>
  <section class="k-dials" aria-labelledby="k-dials-title">
    <h2 id="k-dials-title">Borrow</h2>
    <p class="k-explain">The tune stays; what you borrow is taken from another piece, wholly or some of the way.</p>
    {"".join(_dial(group) for group in STYLE_GROUPS)}
  </section>
  <p class="k-again">
    {_tool("onward", "Go on from the new one", attributes='data-testid="onward"')}
    {_tool("leave", "Start from another piece", attributes='data-testid="leave"')}
  </p>
</div>
<dialog class="k-dialog k-picker" data-dialog="picker" aria-labelledby="k-picker-title">
  <div class="k-picker-head"><h2 id="k-picker-title" data-part="title"></h2>
    <button type="button" class="k-quiet k-small" data-part="close">Close</button></div>
  {domains("k-picker-domain")}
  <p class="k-said" role="status" data-part="picker-said"></p>
  <div class="k-choices" data-part="picks"></div>
  <p class="k-more">{_tool("more-picks", "Show more", attributes="hidden")}</p>
</dialog>
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
