"""How Kallos looks, as a Gradio theme: ivory, ebony, and the crimson felt that lies behind the keys of a piano.

It dresses Gradio's own components; ours take their colours from the same variables, so that they fit any other theme.
Light or dark follows the system: Gradio puts the class ``dark`` on the page, and every colour has two values.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import gradio as gr

FONTS = Path(__file__).parent / "fonts"
SHEETS = (Path(__file__).with_suffix(".css"), Path(__file__).with_name("dashboards.css"))

LIGHT = {
    "ivory": "#f4f5f2",
    "paper": "#ffffff",
    "ink": "#15191a",
    "ink_2": "#515857",
    "line": "#d9dcd8",
    "line_2": "#818886",
    "lane": "#f3f4f1",
    "felt": "#a3243b",
    "felt_wash": "#f7e9ea",
}
DARK = {
    "ivory": "#0f1212",
    "paper": "#181c1c",
    "ink": "#eceee9",
    "ink_2": "#a7aeab",
    "line": "#2c3231",
    "line_2": "#717a77",
    "lane": "#141818",
    "felt": "#f0798b",
    "felt_wash": "#33191e",
}

# what Gradio derives the colours from that are not named below
_FELT = gr.themes.Color(
    *("#f7e9ea", "#f2d7da", "#e9b4bb", "#f0798b", "#e0596e", "#c13a52"),
    *("#a3243b", "#861d31", "#6a1727", "#4d111c", "#33191e"),
)
_GREY = gr.themes.Color(
    *("#f4f5f2", "#eceeea", "#d9dcd8", "#c3c8c4", "#a7aeab", "#818886"),
    *("#515857", "#2c3231", "#181c1c", "#141818", "#0f1212"),
)

_COLOURS = {  # Gradio's variable → ours
    "body_background_fill": "ivory",
    "body_text_color": "ink",
    "body_text_color_subdued": "ink_2",
    "background_fill_primary": "paper",
    "background_fill_secondary": "lane",
    "border_color_primary": "line",
    "border_color_accent": "felt",
    "border_color_accent_subdued": "line_2",
    "color_accent": "felt",
    "color_accent_soft": "felt_wash",
    "link_text_color": "felt",
    "link_text_color_hover": "felt",
    "link_text_color_active": "felt",
    "link_text_color_visited": "felt",
    "block_label_text_color": "ink_2",
    "block_title_text_color": "ink_2",
    "block_info_text_color": "ink_2",
    "code_background_fill": "lane",
    "input_background_fill": "paper",
    "input_background_fill_focus": "paper",
    "input_background_fill_hover": "paper",
    "input_border_color": "line_2",
    "input_border_color_hover": "ink",
    "input_border_color_focus": "felt",
    "input_placeholder_color": "ink_2",
    "checkbox_background_color": "paper",
    "checkbox_background_color_focus": "paper",
    "checkbox_background_color_hover": "paper",
    "checkbox_background_color_selected": "felt",
    "checkbox_border_color": "line_2",
    "checkbox_border_color_hover": "ink",
    "checkbox_border_color_focus": "felt",
    "checkbox_border_color_selected": "felt",
    "checkbox_label_background_fill": "paper",
    "checkbox_label_background_fill_hover": "paper",
    "checkbox_label_background_fill_selected": "felt_wash",
    "checkbox_label_border_color": "line",
    "checkbox_label_border_color_hover": "line_2",
    "checkbox_label_border_color_selected": "felt",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "slider_color": "felt",
    "loader_color": "felt",
    "stat_background_fill": "felt_wash",
    "accordion_text_color": "ink",
    "table_text_color": "ink",
    "table_border_color": "line",
    "table_even_background_fill": "paper",
    "table_odd_background_fill": "paper",
    "table_row_focus": "felt_wash",
    "panel_background_fill": "lane",
    "panel_border_color": "line",
    "error_background_fill": "paper",
    "error_border_color": "felt",
    "error_text_color": "felt",
    "error_icon_color": "felt",
    "button_primary_background_fill": "ink",
    "button_primary_background_fill_hover": "felt",
    "button_primary_border_color": "ink",
    "button_primary_border_color_hover": "felt",
    "button_primary_text_color": "paper",
    "button_primary_text_color_hover": "paper",
    "button_secondary_background_fill": "ivory",
    "button_secondary_background_fill_hover": "paper",
    "button_secondary_border_color": "line",
    "button_secondary_border_color_hover": "ink",
    "button_secondary_text_color": "ink",
    "button_secondary_text_color_hover": "ink",
    "button_cancel_background_fill": "ivory",
    "button_cancel_background_fill_hover": "felt_wash",
    "button_cancel_border_color": "felt",
    "button_cancel_border_color_hover": "felt",
    "button_cancel_text_color": "felt",
    "button_cancel_text_color_hover": "felt",
}

_FACES = (
    ("Old Standard TT", "old-standard-tt-latin-400-normal.woff2", "400", "normal"),
    ("Old Standard TT", "old-standard-tt-latin-400-italic.woff2", "400", "italic"),
    ("Hanken Grotesk", "hanken-grotesk-latin-wght-normal.woff2", "300 900", "normal"),
)


class Kallos(gr.themes.Base):
    """Gradio dressed as Kallos.

    Args:
        fonts: Address of the folder of fonts, where the application serves it; left out, the theme carries them itself.
    """

    def __init__(self, fonts: str | None = None) -> None:
        super().__init__(
            primary_hue=_FELT,
            secondary_hue=_GREY,
            neutral_hue=_GREY,
            text_size=gr.themes.sizes.text_lg,
            spacing_size=gr.themes.sizes.spacing_md,
            radius_size=gr.themes.Size("2px", "4px", "6px", "8px", "10px", "12px", "14px"),
            font=["Hanken Grotesk", "system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        )
        self.name = "kallos"
        super().set(
            block_background_fill="transparent",
            block_background_fill_dark="transparent",
            block_border_width="0px",
            block_border_width_dark="0px",
            block_label_background_fill="transparent",
            block_label_background_fill_dark="transparent",
            block_label_border_width="0px",
            block_label_border_width_dark="0px",
            block_label_text_size="*text_sm",
            block_label_padding="0 0 4px",
            block_title_text_size="*text_sm",
            block_title_text_weight="400",
            block_padding="0px",
            block_radius="*radius_lg",
            block_shadow="none",
            block_shadow_dark="none",
            button_border_width="1px",
            button_large_padding="9px 20px",
            button_large_radius="*radius_lg",
            button_large_text_size="*text_md",
            button_large_text_weight="600",
            button_medium_padding="9px 20px",
            button_medium_radius="*radius_lg",
            button_medium_text_weight="600",
            button_small_padding="6px 14px",
            button_small_radius="*radius_md",
            button_small_text_size="15px",
            button_small_text_weight="600",
            button_transition="background-color 0.12s, border-color 0.12s",
            checkbox_label_padding="9px 14px",
            checkbox_label_text_size="*text_md",
            checkbox_shadow="none",
            form_gap_width="0px",
            input_border_width="1px",
            input_border_width_dark="1px",
            input_padding="10px 12px",
            input_radius="*radius_lg",
            input_shadow="none",
            input_shadow_focus="none",
            input_text_size="*text_md",
            layout_gap="16px",
            panel_border_width="0px",
            panel_border_width_dark="0px",
            prose_header_text_weight="400",
            prose_text_size="*text_md",
            section_header_text_weight="400",
            table_radius="*radius_lg",
        )
        for variable, colour in _COLOURS.items():
            setattr(self, variable, LIGHT[colour])
            setattr(self, f"{variable}_dark", DARK[colour])  # set() knows no dark accent
        self.neutral_200_dark = DARK["line"]  # the rest of a slider's track
        sheets = (path.read_text(encoding="utf-8") for path in SHEETS)
        self.custom_css = "\n".join([*(_face(fonts, *face) for face in _FACES), *sheets])


def _face(fonts: str | None, family: str, file: str, weight: str, style: str) -> str:
    """The rule that loads a font."""
    address = f"{fonts.rstrip('/')}/{file}" if fonts else _carried(FONTS / file)
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; font-display: swap; '
        f'src: url("{address}") format("woff2"); }}\n'
    )


def _carried(font: Path) -> str:
    return f"data:font/woff2;base64,{b64encode(font.read_bytes()).decode()}"
