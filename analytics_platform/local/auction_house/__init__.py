"""The auction house: the Nexmark model as a producer of realistic events with planted faults, and their truth.

An event is a pure function of (seed, its number): numbers → plan (what is emitted, in which order) → fields →
bodies → record batches. Only `truth`, `recovery`, `producer` and `__main__` touch anything.
Model: Tucker et al., NEXMark: A Benchmark for Queries over Data Streams; constants as in Apache Beam's generator.
"""
