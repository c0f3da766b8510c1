"""What the same thing costs once tables and the ledger are old or large."""
