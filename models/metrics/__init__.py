"""Measures: music statistics, preference metrics, retrieval."""
