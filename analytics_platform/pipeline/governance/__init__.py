"""Governance where it acts: the gate of the registry, the steps of a proposal, its evidence, and retiring versions."""
