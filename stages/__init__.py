"""One verb per DVC stage: read tables, call pure functions, write tables."""
