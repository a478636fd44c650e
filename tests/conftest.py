from hypothesis import settings

# Durations vary with the machine; a test fails for what the code does.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
