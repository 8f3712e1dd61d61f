"""Beauty without labels: how open a piece's future is to one model, and how well another recognises its past."""
