"""The maps: music laid out by likeness; every point plays, and what lies together is measured beside the picture."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.frame import KEYS, page

KINDS = (("clips", "Clips"), ("tunes", "Tunes"), ("titles", "Titles"), ("joint", "Titles and tunes"))


def _kind(value: str, label: str) -> str:
    return (
        f'<label><input type="radio" name="k-map-kind" value="{value}" data-testid="map-{value}">'
        f"<span>{label}</span></label>"
    )


def _tool(do: str, label: str, name: str) -> str:
    return f'<button type="button" class="k-quiet" data-do="{do}" aria-label="{name}">{label}</button>'


def build() -> gr.HTML:
    """The page at ``/maps``."""
    return page(
        "atlas",
        f"""
<div class="k-ask">
  <div><h1>Maps</h1><p class="k-lead" data-part="explained"></p></div>
  <fieldset class="k-domains"><legend class="k-hidden">Which map</legend>{"".join(_kind(*each) for each in KINDS)}
  </fieldset>
</div>
<div class="k-wait" data-part="wait">{KEYS}<p data-part="wait-text">Opening the map…</p></div>
<div class="k-empty" data-part="empty" hidden>{KEYS}
  <p data-part="empty-text"></p>
  <progress max="1" data-part="progress" aria-label="How far the map is" hidden></progress>
  <button type="button" class="k-solid" data-do="draw" data-testid="draw-map">Draw this map</button>
  <p class="k-command">or, on the server: <code data-part="command"></code></p>
</div>
<div class="k-atlas" data-part="atlas" hidden>
  <div class="k-atlas-bar">
    <label class="k-find"><span class="k-hidden">Search by title</span>
      <input type="search" placeholder="Search by title" data-part="find" data-testid="map-search" autocomplete="off">
    </label>
    <label class="k-colouring">Colour
      <select data-part="colour" data-testid="map-colour"></select></label>
    <label class="k-quiet k-small k-file">Place your own MIDI or ABC
      <input type="file" class="k-hidden" accept=".mid,.midi,.abc,audio/midi,text/vnd.abc" data-testid="map-upload">
    </label>
  </div>
  <div class="k-atlas-room">
    <div class="k-map" tabindex="0" role="application" aria-label="Map" aria-describedby="k-map-keys"
         data-testid="map">
      <canvas aria-hidden="true"></canvas>
      <p class="k-tip" role="status" data-part="tip" hidden></p>
      <div class="k-zoom">
        {_tool("nearer", "+", "Zoom in")}{_tool("farther", "−", "Zoom out")}{_tool("whole", "⤢", "See the whole map")}
      </div>
    </div>
    <p class="k-hidden" aria-live="polite" data-part="heard"></p>
    <p class="k-hidden" id="k-map-keys">Arrow keys move, plus and minus zoom, zero shows the whole map, Enter plays the
      point nearest to the middle. Search and the lists of neighbours reach every point as well.</p>
    <aside class="k-point" aria-label="The chosen point">
      <div class="k-found" data-part="found" hidden></div>
      <p class="k-explain" data-part="hint">Choose a point to hear it: click, tap, or search.</p>
      <div data-part="point" data-testid="map-point" hidden>
        <div class="k-choices" data-part="player"></div>
        <p class="k-explain" data-part="labels"></p>
        <button type="button" class="k-quiet k-small" data-do="score" aria-expanded="false" aria-controls="k-score"
                data-testid="score">Score</button>
        <div data-part="links-room" hidden><h2 data-part="links-title"></h2>
          <ul class="k-near" data-part="links"></ul></div>
        <div data-part="near-room"><h2>Nearest</h2>
          <ul class="k-near" data-part="near" data-testid="map-neighbours"></ul></div>
      </div>
    </aside>
  </div>
  <div class="k-map-legend" role="group" aria-label="Colours; press one to see it alone" data-part="legend"></div>
  <p class="k-said" role="status" aria-live="polite" data-part="said"></p>
  <section class="k-score" id="k-score" aria-labelledby="k-score-title" hidden>
    <h2 id="k-score-title">Score</h2>
    <p class="k-said" role="status" data-part="score-said"></p>
    <div class="k-paper"><div data-part="paper"></div></div>
  </section>
  <section class="k-quality" aria-labelledby="k-quality-title">
    <h2 id="k-quality-title">How far to trust it</h2>
    <p class="k-explain" data-part="trust"></p>
    <div class="k-scroll"><table class="k-table"><thead><tr><th scope="col">Colour</th>
      <th scope="col">Neighbours alike</th><th scope="col">by chance</th><th scope="col">in the picture</th>
      <th scope="col">Silhouette</th><th scope="col">by chance</th></tr></thead>
      <tbody data-part="quality"></tbody></table></div>
    <p class="k-explain">“Neighbours alike”: how many of a point's ten nearest in the original space bear its label.
      Silhouette: 1 where groups lie apart in the original space, 0 where they overlap. Where the picture shows islands
      and this doesn't, believe this.</p>
  </section>
  <div class="k-tools" role="toolbar" aria-label="What to do with the map">
    <button type="button" class="k-quiet k-small" data-do="share" data-testid="map-link">Link to this view</button>
    <a class="k-quiet k-small" data-part="parquet" download>Parquet</a>
    <button type="button" class="k-quiet k-small" data-do="csv">CSV</button>
    <button type="button" class="k-quiet k-small" data-do="png">PNG</button>
    <button type="button" class="k-quiet k-small" data-do="svg">SVG</button>
    <button type="button" class="k-quiet k-small" data-do="redraw">Draw it anew</button>
  </div>
  <p class="k-explain k-origin" data-part="origin"></p>
</div>
<dialog class="k-dialog" data-dialog="map-link" aria-labelledby="k-map-link-title">
  <h2 id="k-map-link-title">A link to this view</h2>
  <p>It opens this map at this place, in these colours, with this point.</p>
  <input type="text" readonly aria-label="Link to this view" data-part="url">
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Close</button>
    <button type="button" class="k-solid" data-part="copy">Copy link</button>
  </div>
</dialog>
<p class="k-status" role="status" aria-live="polite"></p>
""",
    )
