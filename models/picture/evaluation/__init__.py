"""What the picture model is worth: fidelity, samples, interpolations, swaps, categories."""
