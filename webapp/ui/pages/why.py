"""A part of the taste page: why one clip is liked, the change that would raise it most, and whether that was right."""

from __future__ import annotations

WHY = """
<section class="k-why" aria-labelledby="k-why-title" data-testid="why" hidden>
  <div class="k-why-head">
    <h2 id="k-why-title" tabindex="-1" data-part="why-title"></h2>
    <button type="button" class="k-quiet k-small" data-do="close-why">Close</button>
  </div>
  <p class="k-explain" data-part="why-chance" aria-live="polite"></p>
  <div class="k-why-columns">
    <div class="k-why-parts" data-part="why-parts"></div>
    <div class="k-changing" aria-labelledby="k-change-title">
      <h3 id="k-change-title">What would have to change?</h3>
      <p class="k-explain" data-part="change-text" aria-live="polite"></p>
      <button type="button" class="k-solid" data-do="change" data-testid="change">Try the best change</button>
      <div data-part="changed"></div>
      <button type="button" class="k-quiet" data-do="check" data-testid="check" hidden>Offer this as a pair</button>
      <p class="k-explain" data-part="checks" data-testid="checks" aria-live="polite"></p>
    </div>
  </div>
</section>
"""
