"""The audit: what a doubting manager asks for, looked up in the tables, in Temporal, and in what was received."""
