"""One noun per file: the explicit Arrow schema of one table under outputs/.

Nothing is imported here on purpose: dvc.yaml lists schema files one by one, so a new column in pairs does
not rerun generate.
"""
