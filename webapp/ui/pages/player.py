"""What pages that play share: the card of a clip with its piano roll, and the kinds of music to choose from."""

from __future__ import annotations

DOMAINS = (("pop", "Pop piano"), ("dance", "Dance tunes"), ("chorale", "Chorales"))


def player(side: str, name: str, key: str, below: str = "") -> str:
    """A card for ``side`` (a to d), with what stands below its roll; ``static/stage.js`` brings it to life."""
    return f"""
<section class="k-clip" data-side="{side}" aria-label="{name}">
  <div class="k-clip-head">
    <button type="button" class="k-play" data-testid="player-{side}" aria-label="Play {name}" aria-pressed="false"
            aria-keyshortcuts="{key}" disabled>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path class="k-icon-play" d="M8 5.2v13.6L19 12z"/>
        <path class="k-icon-pause" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/>
      </svg>
    </button>
    <span class="k-letter" aria-hidden="true">{name}</span>
    <kbd aria-hidden="true">{key}</kbd>
    <span class="k-time" aria-hidden="true"></span>
  </div>
  <div class="k-roll" role="slider" tabindex="0" aria-label="Position in {name}" aria-valuemin="0" aria-valuemax="0"
       aria-valuenow="0"><canvas aria-hidden="true"></canvas></div>{below}
</section>
"""


def domains(group: str) -> str:
    """The kinds of music to choose from, as radio buttons of one ``group``."""
    labels = "".join(
        f'<label><input type="radio" name="{group}" value="{value}"><span>{label}</span></label>'
        for value, label in DOMAINS
    )
    return f'<fieldset class="k-domains"><legend class="k-hidden">Kind of music</legend>{labels}</fieldset>'
