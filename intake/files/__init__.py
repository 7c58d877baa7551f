"""Files of leads and of sequences, read."""
