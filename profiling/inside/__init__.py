"""What runs inside the sandbox, next to the solutions it measures; see `profiling.bundle`.

These modules import the standard library and each other, nothing else. What they report is hostile: a
solution shares their process. The parent checks shapes and believes no claim that one process alone makes.
"""
