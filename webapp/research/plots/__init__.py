"""Plots: a data frame in, a figure out. Whatever is drawn, the frame is what the CSV holds."""
