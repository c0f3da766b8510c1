"""The ledger: what was planned, what became of it, and what readers may see."""
