"""The styles page for researchers: how far styles can be told apart, in figures, and a walk along each that plays."""

from __future__ import annotations

import gradio as gr

from models.style.latents import CODE_COUNT
from webapp.research.styles.walk import WALKS
from webapp.ui.pages.chart import chart, choice
from webapp.ui.pages.frame import page
from webapp.ui.pages.picker import PICKER
from webapp.ui.pages.player import domains

# name of the table, its title, what it says
TABLES = (
    (
        "swaps",
        "Swaps",
        """One style of a clip is taken from another clip. Framed: how well the result then has the donor's own
        (Spearman over clips; harmony: correlation of half-bar chroma). The others should be near 0: what the
        donor's style did to everything else.""",
    ),
    (
        "drift",
        "Drift",
        """How far the other attributes move in such a swap, in standard deviations of real clips. Composing the same
        clip twice moves them too; that stands in brackets.""",
    ),
    (
        "after",
        "What a swap leaves",
        """The tune's notes that are still there, as a share of those that survive without a swap; how often the
        original is found among 100 by its melody; and how far the donor's latents are missed when the result is
        encoded again.""",
    ),
    (
        "both",
        "Styles in music and in latents, side by side",
        """For every two styles, how they go together in real clips, by the attribute that names each, and in the model,
        by the two directions of their latents, out of all, that go together most: so the latents' figure is the most
        that one could tell of the other, and where it is near the music's the model has mixed nothing in. As
        correlation, and as bits that one tells of the other. In brackets: shuffled clips.""",
    ),
    (
        "spearman",
        "Styles in real music",
        """How the attributes that name the styles go together in real clips (Spearman within one kind of music). No
        model should be asked to part what music joins.""",
    ),
    (
        "information",
        "Information they share",
        "The same as mutual information in bits, which finds more than what is monotone. In brackets: shuffled clips.",
    ),
    (
        "reading",
        "What can be read from which latents",
        """The share of an attribute (R²) that a linear reading finds in each group's latents, on songs that it was not
        fitted on. Framed: from its own group. Elsewhere it has leaked, as far as music itself does not join the
        two: what the other group's named attributes tell stands in brackets. Below 0: worse than knowing nothing.""",
    ),
    (
        "canonical",
        "Most correlated directions",
        """The correlation of the two directions of two groups that go together most, bar by bar, on songs that they
        were not chosen on.""",
    ),
    (
        "codes",
        "What the learned codes say",
        """Of each style code of a piece, which nobody has named, its entropy in bits (of those that its values could
        hold in brackets), and how it goes together with what has a name (Spearman within one kind of music). The
        walk above plays their ends.""",
    ),
    (
        "rates",
        "Rates",
        """How many bits a bar each group's latents hold, and how many of their dimensions (of all in brackets) carry
        anything.""",
    ),
    (
        "losses",
        "Losses over training",
        """The loss, at each validation, of what each style tells of the notes: pitch for content, onsets for rhythm,
        height for register, pitch classes for harmony, velocity for dynamics, tempo, notes an onset for texture.
        Tinted by how much is left of the first; framed: the style that has improved least.""",
    ),
    (
        "curiosity",
        "Hardest swaps over training",
        """For training by learning progress: what clips of one kind of music with one style of others cost, in nats a
        note, whenever they were asked about. Tinted by how much is left of the first; framed: the hardest. In
        brackets: how far it had moved lately, by which the next batches were drawn.""",
    ),
    ("bits", "Rates over training", "Bits a bar of each group's latents at each validation."),
)


def _table(name: str, title: str, about: str) -> str:
    return f"""
<section class="k-figures" id="{name}" data-table="{name}" data-testid="table-{name}" aria-labelledby="k-{name}-title">
  <h2 id="k-{name}-title" tabindex="-1">{title}</h2>
  <p class="k-explain">{about}</p>
  <div class="k-matrix" tabindex="0" role="region" aria-labelledby="k-{name}-title" hidden><table></table></div>
  <p class="k-fill" hidden>Nothing has been measured here yet. This fills it: <code></code></p>
  <p class="k-meaning" data-part="told" hidden></p>
  <p class="k-about"><span data-part="about"></span>
    <a data-part="csv" href="api/styles/tables/{name}.csv" download hidden aria-label="{title} as CSV">CSV</a></p>
</section>"""


def _code(number: int) -> str:
    checked = " checked" if number == 1 else ""
    radio = f'<input type="radio" name="k-codes-code" value="{number}"{checked}>'
    return f"<label>{radio}<span>Code {number}</span></label>"


CODES = f"""
<section class="k-figures k-codes" id="meaning" data-testid="codes" aria-labelledby="k-codes-title">
  <h2 id="k-codes-title" tabindex="-1">What the learned codes mean</h2>
  <p class="k-explain">Four numbers of a piece that nobody has named, with five values each. To hear what one says,
    play pieces at its ends, then those between. Real pieces were chosen to be ordinary in all that has a name, so that
    what they share is the code; of pop no real piece may be played, so there the pool's clips stand, by the codes that
    the model hears in them.</p>
  {domains("k-codes-domain").replace('value="dance"', 'value="dance" checked')}
  <fieldset class="k-domains k-groups"><legend class="k-hidden">Code</legend>
    {"".join(map(_code, range(1, CODE_COUNT + 1)))}</fieldset>
  <p class="k-meaning" role="status" aria-live="polite" data-part="told" data-testid="code-told"></p>
  <div class="k-choices k-steps" data-part="pieces" data-testid="code-pieces"></div>
  <p class="k-about"><span data-part="codes-about"></span>
    <a data-part="codes-csv" href="api/styles/codes.csv" download hidden aria-label="Pieces by code as CSV">CSV</a></p>
</section>"""


OVER_TRAINING = ("losses", "curiosity", "bits")
READING = """
<details class="k-reading" open><summary>How to read the tables</summary>
  <p class="k-explain">The large figure is what was measured. Below it, “.80 to .86” is the range in which it would fall
    19 times of 20 with other songs of the same kind (a 95 % interval): two figures whose ranges overlap much may be the
    same, and a correlation whose range holds 0 may be chance. A figure in brackets is what it stands beside; each table
    says what that is. The stronger a cell is tinted, the larger its figure, in the second colour where it is below 0.
    Every table can be taken along as CSV, with the weights, data and commit that it comes from.</p>
</details>"""
HARDEST = f"""
<div id="hardest">{
    chart(
        "hardest",
        "Hardest styles over training",
        "How much is left, at each validation of a run, of the loss that each style began with; the large point is the "
        "style that has improved least. The tables below are of the same run.",
        controls=f'<div class="k-choices-row">{choice("run", "Training run")}</div>',
    )
}</div>"""


def _style(group: str) -> str:
    name = group.capitalize().replace("_", " ")
    return f'<label><input type="radio" name="k-walk-group" value="{group}"><span>{name}</span></label>'


def build() -> gr.HTML:
    """The page at ``/styles``."""
    begin = (("meaning", "What codes mean"), ("hardest", "Hardest styles"))
    titles = (*begin, *((name, title) for name, title, _ in TABLES))
    contents = "".join(f'<a href="#{name}">{title}</a>' for name, title in titles)
    return page(
        "styles",
        f"""
<div class="k-ask">
  <div><h1>Styles</h1>
  <p class="k-lead">How far each style can be changed alone, what else moves with it, and how that sounds.</p></div>
</div>
<p class="k-said" role="alert" data-part="trouble"></p>
<section class="k-walk" id="walk" aria-labelledby="k-walk-title">
  <h2 id="k-walk-title" tabindex="-1">Walk along a style</h2>
  <p class="k-explain">One clip, five steps: its latents move as those of real clips do that differ by one standard
    deviation of the attribute; everything else stays. What moved is measured in the notes. A code, which nobody has
    named, goes through its five values.</p>
  <fieldset class="k-domains k-groups"><legend class="k-hidden">Style</legend>{"".join(map(_style, WALKS))}
  </fieldset>
  <div class="k-from" role="group" aria-label="Where it begins">
    {domains("k-walk-domain")}
    <label class="k-seed">draw <input type="number" min="0" max="9007199254740991" step="1" value="0"
      inputmode="numeric" data-part="seed" data-testid="walk-seed" aria-label="Seed of the prior's draw"></label>
    <label class="k-seed">guidance <input type="number" min="0" max="4" step="0.5" value="1" inputmode="decimal"
      data-part="guidance" data-testid="walk-guidance" aria-label="Guidance, 0 to 4"
      aria-describedby="k-guidance-told"></label>
    <button type="button" class="k-quiet k-small" data-do="another">Another draw</button>
    <button type="button" class="k-quiet k-small" data-do="choose" aria-haspopup="dialog">Choose a clip…</button>
    <button type="button" class="k-solid" data-do="walk" data-testid="walk">Compose five steps</button>
  </div>
  <p class="k-explain" id="k-guidance-told">Guidance: how strictly a draw goes by the kind of music, its key and its
    codes. 1 is as learned, 0 as if none had been asked for, up to 4 the stricter; what is far from 1 is further from
    real music. A walk along a style from a clip draws nothing, so that it has no say there.</p>
  <p class="k-said" role="status" aria-live="polite" data-part="said" data-testid="walk-said"></p>
  <p class="k-fill" data-part="no-walk" hidden>No directions are saved for this model. This makes them:
    <code></code></p>
  <div class="k-choices k-steps" data-part="steps" data-testid="walk-steps"></div>
  <div class="k-matrix" tabindex="0" role="region" aria-label="What moved" data-part="moved" hidden><table></table>
  </div>
  <p class="k-about" data-part="walk-foot" hidden>
    <span data-part="walk-about"></span>
    <button type="button" class="k-quiet k-small" data-do="walk-csv">CSV</button>
    <button type="button" class="k-quiet k-small" data-do="share">Link</button></p>
</section>
{CODES}
<nav class="k-contents" aria-label="Tables">{contents}</nav>
{READING}
{"".join(_table(*each) for each in TABLES if each[0] not in OVER_TRAINING)}
{HARDEST}
{"".join(_table(*each) for each in TABLES if each[0] in OVER_TRAINING)}
{PICKER}
<dialog class="k-dialog" data-dialog="walk-link" aria-labelledby="k-walk-link-title">
  <h2 id="k-walk-link-title">A link to this view</h2>
  <p>It opens this page with the same walk. Clips of your own open for nobody else.</p>
  <input type="text" readonly aria-label="Link to this view" data-part="url">
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Close</button>
    <button type="button" class="k-solid" data-part="copy">Copy link</button>
  </div>
</dialog>
<p class="k-status" role="status" aria-live="polite"></p>
""",
    )
