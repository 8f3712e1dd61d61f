"""The dialogue in which a listener listens around and chooses a piece; ``static/picker.js`` brings it to life."""

from __future__ import annotations

from webapp.pages.player import domains

PICKER = f"""
<dialog class="k-dialog k-picker" data-dialog="picker" aria-labelledby="k-picker-title">
  <div class="k-picker-head"><h2 id="k-picker-title" data-part="title"></h2>
    <button type="button" class="k-quiet k-small" data-part="close">Close</button></div>
  {domains("k-picker-domain")}
  <p class="k-said" role="status" data-part="picker-said"></p>
  <div class="k-choices" data-part="picks"></div>
  <p class="k-more"><button type="button" class="k-quiet k-small" data-do="more-picks" hidden>Show more</button></p>
</dialog>
"""
