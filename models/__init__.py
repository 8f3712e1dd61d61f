"""Modules and numerics of Kallos: music, style, taste. No database, no web, no work at import."""
