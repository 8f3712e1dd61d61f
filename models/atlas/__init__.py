"""Maps of music: what is drawn, its nearest neighbours, its projection by UMAP, and how far a map can be trusted.

``material.gather`` collects points, ``projection.project`` lays them out and ``projection.place`` adds new ones without
moving any; ``quality.judge`` measures the result. Begin with ``points.py``.
"""
