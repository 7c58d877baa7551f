"""A whole local world from PyPI wheels: PostgreSQL, Temporal with its Web UI, a mailbox."""
