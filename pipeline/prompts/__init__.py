"""What the model is asked: text templates by model family, one file a purpose, and the requests they make."""
