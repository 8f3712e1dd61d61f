"""The seam to the generation server: protocol, engine, server, remote client, supervisor.

The server alone loads torch, embedded on a laptop or on a machine with a GPU, and keeps no data. Begin with
``protocol`` (what is asked and answered) and ``remote`` (who asks).
"""
