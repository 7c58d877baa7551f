"""Sequences as operators handle them: linted, previewed, compared, and running follow-ups moved to another version."""
