"""Telling follow-ups something: pause, resume, stop, reply."""
