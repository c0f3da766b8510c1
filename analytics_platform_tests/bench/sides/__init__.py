"""The sides: a program each, which imports nothing that its own work does not need."""
