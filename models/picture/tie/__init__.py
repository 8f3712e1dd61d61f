"""The tie between pictures and music: a film's bars, what each bar is to sound like, and the music itself."""
