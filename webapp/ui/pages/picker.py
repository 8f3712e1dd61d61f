"""The dialogue in which a listener listens around and chooses a piece; ``static/picker.js`` brings it to life."""

from __future__ import annotations

from webapp.ui.pages.player import domains


def finder(place: str) -> str:
    """The search box for pieces of collections by their titles; ``place`` keeps two on one page apart."""
    return f"""
<form class="k-finder" role="search" data-part="finder" hidden>
  <label><span class="k-hidden">Title of a tune or number of a chorale</span>
    <input type="search" maxlength="80" placeholder="Title of a tune, number of a chorale" autocomplete="off"
           enterkeyhint="search" data-part="find" data-testid="find-{place}"></label>
</form>
<p class="k-explain k-searched" role="status" aria-live="polite" data-part="found" data-testid="found-{place}"></p>"""


PICKER = f"""
<dialog class="k-dialog k-picker" data-dialog="picker" aria-labelledby="k-picker-title">
  <div class="k-picker-head"><h2 id="k-picker-title" data-part="title"></h2>
    <button type="button" class="k-quiet k-small" data-part="close">Close</button></div>
  {domains("k-picker-domain")}{finder("picker")}
  <p class="k-said" role="status" data-part="picker-said"></p>
  <div class="k-choices" data-part="picks"></div>
  <p class="k-more"><button type="button" class="k-quiet k-small" data-do="more-picks" hidden>Show more</button></p>
</dialog>
"""
