"""The tables: what they look like, how rows are decided, and the one way they are written."""
