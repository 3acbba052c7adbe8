"""The code that runs within the isolation, next to untrusted programs: standard library only."""
