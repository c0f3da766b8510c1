"""No core files: what the kernel keeps of a process that broke holds personal data and keys in the clear."""

import resource

TOO_LITTLE = 1  # byte; it also tells the kernel not to start whoever collects such files, as 0 would not


def forbid_core_files() -> None:
    """Of this process, and of all that it starts from now on."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = TOO_LITTLE if most else 0
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
