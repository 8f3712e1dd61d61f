"""The site: every page joined in one Gradio application and mounted, with its static files, in FastAPI."""

from __future__ import annotations

import warnings
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from webapp.ui.pages import atlas, compare, four, more, retrieval, runs, studio, styles, taste, tastes, titles, together

STATIC = Path(__file__).parent / "static"
STATIC_PATH = "/static/kallos"  # below Gradio's own /static, which must stay reachable

# relative to the document: it works below a root path and behind a proxy that nobody told us about
SITE_HEAD = f"""
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/kallos.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/four.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/together.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/studio.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/why.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/research.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/atlas.css">
<link rel="stylesheet" href="{STATIC_PATH[1:]}/styles.css">
<script type="module" src="{STATIC_PATH[1:]}/main.js"></script>
"""


class FreshStaticFiles(StaticFiles):
    """Static files that a browser asks about again, so that modules of two versions never meet."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304 where the browser has it."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def build_site() -> gr.Blocks:
    """Every page in one ``gr.Blocks``."""
    site: gr.Blocks
    with gr.Blocks(title="Kallos", analytics_enabled=False, fill_width=True) as site:
        compare.build()
    with site.route("Four", "/four", show_in_navbar=False):
        four.build()
    with site.route("More like this", "/more", show_in_navbar=False):
        more.build()
    with site.route("Your taste", "/taste", show_in_navbar=False):
        taste.build()
    with site.route("Music for two", "/together", show_in_navbar=False):
        together.build()
    with site.route("Studio", "/studio", show_in_navbar=False):
        studio.build()
    with site.route("Retrieval", "/retrieval", show_in_navbar=False):
        retrieval.build()
    with site.route("Runs", "/runs", show_in_navbar=False):
        runs.build()
    with site.route("Maps", "/maps", show_in_navbar=False):
        atlas.build()
    with site.route("Titles", "/titles", show_in_navbar=False):
        titles.build()
    with site.route("Styles", "/styles", show_in_navbar=False):
        styles.build()
    with site.route("Tastes", "/tastes", show_in_navbar=False):
        tastes.build()
    return site


def mount_site(app: FastAPI, **options: Any) -> FastAPI:
    """Mount the pages at ``/``; call it last, since Gradio answers every path that is left."""
    app.mount(STATIC_PATH, FreshStaticFiles(directory=STATIC), name="kallos-static")
    settings: MutableMapping[str, Any] = {
        "path": "/",
        "ssr_mode": False,
        "theme": gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        "head": SITE_HEAD,
        "favicon_path": str(STATIC / "favicon.svg"),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        **options,
    }
    with warnings.catch_warnings():
        # said of every site of several pages, also of one that has switched server-side rendering off
        warnings.filterwarnings("ignore", message="SSR mode is not supported with multi-page apps")
        site = build_site()
        gr.mount_gradio_app(app, site, **settings)
    _rest(site)
    return app


def _rest(site: gr.Blocks) -> None:
    """Let Gradio's queue sleep as long as on Windows: no page uses it, and it wakes a thousand times a second."""
    site._queue.sleep_when_free = 0.05  # there is no setting
    site._queue.progress_update_sleep_when_free = 0.1
