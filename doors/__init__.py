"""HTTP: one module a door, each with its own router; what they share is how requests are read, refused and answered."""
