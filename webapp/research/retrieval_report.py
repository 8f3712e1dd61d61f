"""``kallos report retrieval``: a whole study of title towers as one HTML file that needs nothing beside itself.

Everything is read from the database, after the logs have been taken in; each plot carries where it comes from and its
data as CSV.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import pandas as pd
import plotly
from sqlalchemy.orm import Session

from db import migrate
from db.queries import research
from webapp.research import retrieval, training_runs
from webapp.research.figures import REEL_OR_HORNPIPE, Drawn, FigureRequest, draw
from webapp.research.retrieval import DIRECTIONS, WHOLE, Study, condition_of
from webapp.runtime.database import Database
from webapp.runtime.settings import Settings

STYLE = """
:root { color-scheme: light; }
body { max-width: 960px; margin: 0 auto; padding: 32px 20px 80px; background: #f4f5f2; color: #15191a;
  font: 16px/1.5 "Hanken Grotesk", system-ui, sans-serif; }
h1, h2 { font: 400 40px/1.15 "Old Standard TT", "Times New Roman", serif; margin: 0 0 8px; }
h2 { font-size: 26px; margin-top: 48px; padding-top: 20px; border-top: 1px solid #d9dcd8; }
p { max-width: 68ch; color: #515857; } h3 { font-size: 16px; margin: 22px 0 0; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
td, th { padding: 5px 16px 5px 0; border-bottom: 1px solid #d9dcd8; text-align: left; font-weight: 400; }
td { overflow-wrap: anywhere; } .wide td { overflow-wrap: normal; }
thead th { color: #515857; } .wide { overflow-x: auto; } a { color: #a3243b; } .source { font-size: 13px; }
"""
CONFIG = {"displaylogo": False, "responsive": True}
BOTH = tuple(DIRECTIONS)


class NoStudyError(LookupError):
    """There is no study to report on."""


def write(database: Database, settings: Settings, name: str | None, path: Path) -> str:
    """Take in what the logs hold, write the report on the study (the newest without ``name``); the study's name."""
    migrate.upgrade(database.open())
    training_runs.ingest_changed(database, settings)

    def work(session: Session) -> tuple[str, str]:
        studies = {study.name: study for study in retrieval.all_studies(session)}
        chosen = studies.get(name) if name else next(iter(studies.values()), None)
        if chosen is None:
            folder = settings.runs_folder
            raise NoStudyError(
                f"{name or 'no study'} was asked for; below {folder} there are {', '.join(studies) or 'none'}. "
                f"python -m models.train.title_study --out '{folder / 'study'}' makes one"
            )
        return chosen.name, page(session, chosen)

    found, text = database.transaction(work)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return found


def page(session: Session, study: Study) -> str:
    """The report as one HTML page."""
    request = FigureRequest(study=study.name)
    script = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    sections = "".join(_sections(session, study, request))
    title = f"Titles and tunes: {escape(study.name)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><script>{script}</script></head>'
        f"<body><h1>What a title hears in a tune</h1>{_facts(study)}{sections}</body></html>"
    )


def _sections(session: Session, study: Study, request: FigureRequest) -> Iterator[str]:
    def plot(name: str, wanted: FigureRequest = request) -> str:
        return _plot(draw(session, name, wanted))

    def costs(name: str, wanted: FigureRequest) -> str:
        drawn = draw(session, name, wanted)
        return _plot(drawn) + _costs(drawn.frame)

    yield "<h2>Variants</h2><p>All seeds together with a 95 % interval over tunes; each dot is one seed.</p>"
    yield from (f"<h3>{DIRECTIONS[each]}</h3>{plot('variants', replace(request, direction=each))}" for each in BOTH)
    for comparison, title, told in COMPARED:
        if table := _table(_compared(session, study, comparison), told):
            yield f"<h2>{title}</h2><p>{told}</p>{table}"
    yield f"<h2>Learning curves</h2>{plot('curves')}"
    yield "<h2>Watch-list</h2><p>The rank of what was asked for, at each validation of the first seeds' runs.</p>"
    for watched in research.watched(session, study.runs[0].id)[:4]:
        first = tuple(dict.fromkeys(condition_of(run) for run in study.runs if not run.about.get("without")))[:6]
        wanted = replace(request, direction=watched["direction"], query=watched["query"], conditions=first)
        yield f"<h3>{escape(watched['label'])}, {DIRECTIONS[watched['direction']]}</h3>{plot('ranks', wanted)}"
    if not study.tested:
        yield "<p>The test tunes were not asked yet: the study has not ended.</p>"
        return
    yield "<h2>What is taken for what</h2>"
    for condition in _best_variants(study):
        yield f"<h3>{condition}: type of the nearest tune to titles of each type; type read by the probe</h3>"
        wanted = replace(request, conditions=(condition,))
        yield plot("nearest", wanted) + plot("probe", wanted)
    yield "<h2>What retrieval hears</h2><p>Change of MRR without a piece of information, query by query (95 %).</p>"
    for direction in BOTH:
        for genre in (WHOLE, *retrieval.measured_genres(session, study)["ablation"]):
            wanted = replace(request, direction=direction, genre=genre)
            yield f"<h3>{DIRECTIONS[direction]}, {genre}</h3>{costs('ablations', wanted)}"
    yield "<h2>What tells the types apart</h2><p>Change of the probe's recall, in a collection never heard.</p>"
    for genre in (WHOLE, REEL_OR_HORNPIPE, *retrieval.measured_genres(session, study)["probe_ablation"]):
        yield f"<h3>{genre}</h3>{costs('probe_ablations', replace(request, genre=genre))}"


COMPARED = (
    ("against_ridge", "Beside the plain baseline", "MRR less that of a ridge regression on the same queries."),
    ("transfer", "Is transfer worth it?", "MRR less that of the same architecture trained from scratch."),
    (
        "probe",
        "Types of tunes",
        "Macro-F1 of a linear probe in a collection never heard; chance: what meter alone says.",
    ),
)


def _facts(study: Study) -> str:
    """What was trained on what, by which commit."""
    about = (study.log or study.runs[0]).about
    test = about.get("test", {})
    facts = {
        "study": study.name,
        "preset": about.get("preset"),
        "runs": f"{sum(run.ended for run in study.runs)} of {len(study.runs)} have ended",
        "seeds": ", ".join(map(str, about.get("seeds", []))) or "unknown",
        "trained on": f"data {about.get('data')}",
        "tested on": f"{test.get('tunes')} tunes, data {test.get('hash')}, asked once" if test else "not yet",
        "commit": about.get("commit"),
    }
    lines = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f"<table>{lines}</table>"


def _best_variants(study: Study) -> list[str]:
    """The variants, with everything to hear, that found titles' tunes best on validation: three at most."""
    whole = [run for run in study.runs if not run.about.get("without") and run.outcome]
    best = pd.Series({run.path: (run.outcome or {}).get("best", 0.0) for run in whole}, dtype=float)
    names = pd.Series({run.path: condition_of(run) for run in whole}, dtype=object)
    return [str(name) for name in best.groupby(names).mean().sort_values(ascending=False).index[:3]]


def _compared(session: Session, study: Study, comparison: str) -> pd.DataFrame:
    found = research.results(session, study.log.id) if study.log else []
    chosen = [row for row in found if row["comparison"] == comparison and row["measure"] != "share"]
    return pd.DataFrame([row for row in chosen if row["genre"] is None])


def _table(frame: pd.DataFrame, told: str) -> str:
    """The frame's figures with interval, p and chance as an HTML table; empty where there are none."""
    if frame.empty:
        return ""
    columns = ["condition", "measure", "value", "low", "high", "p", "chance", "n"]
    shown = frame[[name for name in columns if frame[name].notna().any()]]
    form: Callable[[float], str] = "{:.4f}".format
    return _wide(shown.to_html(index=False, border=0, float_format=form, na_rep="", justify="left"), told)


def _costs(frame: pd.DataFrame) -> str:
    """What each ablation costs every variant, with interval and p: an HTML table, the dearest first."""
    if frame.empty:
        return ""
    told = [f"{row.value:+.4f} ({row.low:+.4f} to {row.high:+.4f}), p {row.p:.3f}" for row in frame.itertuples()]
    shown = frame.assign(cost=told).pivot_table(index="without", columns="variant", values="cost", aggfunc="first")
    order = frame.groupby("without")["value"].mean().sort_values().index
    shown = shown.loc[order].rename_axis(columns=None).reset_index()
    return _wide(shown.to_html(index=False, border=0, na_rep="", justify="left"), "What each ablation costs")


def _wide(table: str, told: str) -> str:
    return f'<div class="wide" role="region" aria-label="{escape(told)}" tabindex="0">{table}</div>'


def _plot(drawn: Drawn) -> str:
    if drawn.frame.empty:
        return "<p>Nothing was found here.</p>"
    data = base64.b64encode(drawn.to_csv().encode()).decode()
    link = f'<a download="data.csv" href="data:text/csv;base64,{data}">CSV</a>'
    plot = drawn.figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG)
    return f'{plot}<p class="source">{escape(str(drawn.source))} · {link}</p>'
