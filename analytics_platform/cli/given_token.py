"""The token of whoever types a command: from their environment, or from a file that nobody else can read."""

import stat
from pathlib import Path

from analytics_platform.errors import SettingError
from analytics_platform.settings import Settings

OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def given_token(settings: Settings) -> str:
    """The token, "" if none is given. It is no option of any command: those are in the list of processes."""
    if settings.token or not settings.token_file:
        return settings.token
    try:
        if Path(settings.token_file).stat().st_mode & OF_OTHERS:
            raise SettingError("token_file", f"{settings.token_file} is open to others", "`chmod 600` it")
        return Path(settings.token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{settings.token_file} cannot be read ({type(error).__name__})"
        raise SettingError("token_file", problem, "`ap token issue NAME --into FILE` writes one") from None
