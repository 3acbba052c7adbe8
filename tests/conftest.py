"""What all tests share: a busy machine may take its time over an example, which is no fault of the code."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
