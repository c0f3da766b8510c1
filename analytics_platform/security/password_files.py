"""Passwords of principals as files, one for each, for their owner only. Touches the disk."""

import secrets
from collections.abc import Callable
from pathlib import Path

from analytics_platform.errors import SettingError
from analytics_platform.security.private_file import write_private

PASSWORD_BYTES = 32  # of chance: nobody guesses it, however cheap a guess is


def passwords_in(folder: Path) -> Callable[[str], str]:
    """What says somebody's password: what their file holds, or a new one, which is in the file before it is told.

    Raises SettingError; no error quotes what a file holds.
    """

    def password_of(name: str) -> str:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _read(folder / name) or _made(folder / name)
        except OSError as error:
            problem = f"{folder / name}: {error.strerror}"
            raise SettingError("passwords", problem, "name a folder that you may write to") from None

    return password_of


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _made(file: Path) -> str:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    write_private(file, password.encode() + b"\n")
    return password
