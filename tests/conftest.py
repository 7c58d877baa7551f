"""What every test shares."""

from hypothesis import settings

# No test is timed: a busy machine is no reason to fail. `print_blob` lets a find of one machine be replayed on another.
settings.register_profile("here", deadline=None, print_blob=True)
settings.load_profile("here")
