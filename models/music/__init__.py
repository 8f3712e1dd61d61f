"""Music in memory: notes, bars, tokens; readers, corpora and rendering."""
