from __future__ import annotations

import re

from webapp.ui.theme import DARK, FONTS, LIGHT, Kallos


def luminance(colour: str) -> float:
    """Of sRGB, as WCAG 2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_on_every_ground():
    for palette in (LIGHT, DARK):
        for ground in ("ivory", "paper", "lane"):
            for text in ("ink", "ink_2", "felt"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
            assert contrast(palette["line_2"], palette[ground]) >= 3, ground


def test_the_theme_carries_its_fonts_where_nobody_serves_them():
    carried = Kallos().custom_css
    assert carried.count("data:font/woff2;base64,") == 3
    served = Kallos(fonts="static/kallos/fonts").custom_css
    assert "data:" not in served
    for name in re.findall(r'url\("static/kallos/fonts/([^"]+)"\)', served):
        assert (FONTS / name).is_file()
