"""Queries: functions that take a Session and say what they return."""
