"""Beats and downbeats of performances: a network says where one may be, and a model of the bar which of them are."""
