from hypothesis import settings

# no test is timed: a busy machine is no reason to fail
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
