"""Measures: music statistics and preference metrics."""
