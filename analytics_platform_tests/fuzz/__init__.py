"""Hostile inputs for what is hand-written and faces the outside; each is made again from seed, target and number."""
