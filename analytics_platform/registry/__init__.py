"""The registry: schemas in git, read, checked and never changed once published."""
