"""Whole pieces: one decoder with a long memory that writes them bar by bar, to the end that was asked for."""
