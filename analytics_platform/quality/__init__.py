"""Data contracts: read and linted here, verified by Soda (soda.py), judged into results that the pipeline acts on."""
