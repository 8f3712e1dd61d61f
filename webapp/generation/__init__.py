"""The seam to the generation server: protocol, engine, server, remote client, supervisor."""
