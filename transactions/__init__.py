"""How state changes: each function is one transaction, or a part of one, that locks, reads, decides and writes."""
