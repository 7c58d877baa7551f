"""How: small classes holding their dependencies, one activity a movement."""
