"""What a solution costs and which one is faster: seconds in, claims out, no I/O."""
