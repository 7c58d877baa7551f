"""Figures: ours beside a bare workflow, run in the same minutes on the same machine."""
