"""Plots: a data frame in, a figure out."""
