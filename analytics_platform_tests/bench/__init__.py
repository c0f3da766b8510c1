"""What draining a backlog costs, beside what others need for less: `make bench`, `make bench-quick`.

Every side reads the same topic in a process of its own, in alternating order in one run. What is counted begins when
everything is imported and connected, as in a worker that lives for hours; the whole process is kept beside it.
"""
