"""A chart as the dashboards show it: its title, what it means, the plot, and how to take it along."""

from __future__ import annotations


def chart(plot: str, title: str, explained: str, controls: str = "", below: str = "") -> str:
    """A section for ``/api/plots/PLOT``, with ``controls`` above and more ``below``; ``research.js`` draws it."""
    return f"""
<section class="k-chart" data-plot="{plot}" aria-labelledby="k-{plot}-title">
  <h2 id="k-{plot}-title">{title}</h2>
  <p class="k-explain">{explained}</p>
  {controls}
  <div class="k-plot" role="img" aria-label="{title}" data-testid="plot-{plot}"></div>
  <p class="k-chart-empty" data-part="empty">Drawing…</p>
  <div class="k-chart-foot">
    <span data-part="source"></span>
    <span class="k-chart-take" role="group" aria-label="Take {title} along">
      <button type="button" class="k-quiet k-small" data-take="png">PNG</button>
      <button type="button" class="k-quiet k-small" data-take="svg">SVG</button>
      <button type="button" class="k-quiet k-small" data-take="csv">CSV</button>
    </span>
  </div>
  {below}
</section>
"""


def choice(name: str, label: str) -> str:
    """A list to choose one from, filled by the page's script; its value is ``name`` in the page's address."""
    return (
        f'<label class="k-choice"><span>{label}</span>'
        f'<select data-choice="{name}" data-testid="choose-{name}"></select></label>'
    )


NO_RUN = "No training run has left its log here yet. This command fills the page while it runs:"


def research(title: str, lead: str, controls: str, body: str, nothing: str = NO_RUN) -> str:
    """The frame of a dashboard: what it is, what to look at, what an empty one says, a link to exactly this view."""
    return f"""
<div class="k-ask">
  <div><h1>{title}</h1><p class="k-lead">{lead}</p></div>
</div>
<div class="k-empty" data-part="nothing" hidden>
  <p>{nothing}</p>
  <pre data-part="fill" data-testid="fill"></pre>
</div>
<div class="k-research" hidden>
  <div class="k-choices-row">{controls}
    <button type="button" class="k-quiet k-small" data-do="view-link" data-testid="view-link">Link to this view</button>
  </div>
  <p class="k-said" role="status" aria-live="polite" data-part="going"></p>
  {body}
</div>
<dialog class="k-dialog" data-dialog="view-link" aria-labelledby="k-view-link-title">
  <h2 id="k-view-link-title">A link to this view</h2>
  <p>It opens this page with the same choices, on whatever the runs have logged by then.</p>
  <input type="text" readonly aria-label="Link to this view" data-part="url">
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Close</button>
    <button type="button" class="k-solid" data-part="copy">Copy link</button>
  </div>
</dialog>
<p class="k-status" role="status" aria-live="polite"></p>
"""
