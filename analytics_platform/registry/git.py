"""Writing schemas down in git: a commit on the current branch that holds these files and nothing else. Touches git.

Neither the index nor other changes of whoever works in the same folder are part of it: the commit is made from the
branch's own tree. Killed anywhere, the same call finishes it: what is committed already is not committed twice.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.errors import GitError

Edit = Callable[[str | None], str]  # from a file's text, None where there is none, to its text afterwards
GIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Author:
    """Whose a commit is."""

    name: str
    email: str


REGISTRY = Author("schema registry", "registry@localhost")


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a folder of schemas belongs to; `prefix` is where the folder is in it, with a slash."""

    folder: Path
    prefix: str

    @classmethod
    def of(cls, folder: Path) -> "Repository | None":
        """The one around the folder; None if there is none, or git cannot write there."""
        return cls.reading(folder) if os.access(folder, os.W_OK) else None

    @classmethod
    def reading(cls, folder: Path) -> "Repository | None":
        """The one around the folder, which may be only for reading; None if there is none."""
        found = subprocess.run(
            ["git", "rev-parse", "--show-prefix"], cwd=folder, capture_output=True, text=True, check=False
        )
        return None if found.returncode else cls(folder, found.stdout.strip())

    def address(self) -> str:
        """Whose commits would be made here, by git's configuration; "" if it says nobody."""
        return self._run("config", "user.email", may_fail=True).strip()

    def head(self) -> str | None:
        """The newest commit of the branch; None before the first one."""
        found = self._run("rev-parse", "--verify", "--quiet", "HEAD", may_fail=True)
        return found.strip() or None

    def committed(self, path: str) -> str | None:
        """A file's text in the newest commit."""
        return self.text_at("HEAD", path) if self.head() else None

    def text_at(self, revision: str, path: str) -> str | None:
        """A file's text in that commit, None if it has none; raises GitError for what is no commit."""
        if not self._run("ls-tree", revision, "--", f"./{path}"):
            return None
        return self._run("cat-file", "blob", f"{revision}:{self.prefix}{path}")

    def signer_of(self, path: str) -> str | None:
        """The address of whoever committed the file as it lies there; None if it has no such commit."""
        place = self.folder / path
        if not self.head() or not place.exists() or self.committed(path) != place.read_text(encoding="utf-8"):
            return None
        return self._run("log", "-1", "--format=%ae", "--", f"./{path}").strip() or None

    def commit(self, edits: Mapping[str, Edit], message: str, author: Author = REGISTRY) -> str:
        """Edit those files, by paths within the folder, in a commit and in the folder; returns the newest commit.

        The folder's own version of a file may have changes that are not committed: it gets the same edit.
        """
        head = self.head()
        with tempfile.TemporaryDirectory(prefix="schemas-") as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if head:
                self._run("read-tree", head, env=index)
            for path, edit in edits.items():
                self._stage(path, edit(self.committed(path)), index)
            tree = self._run("write-tree", env=index).strip()
        if head is None or tree != self._run("rev-parse", f"{head}^{{tree}}").strip():
            head = self._advance(head, tree, message, author)
        for path, edit in edits.items():
            self._write(path, edit)
        return head

    def _stage(self, path: str, text: str, env: Mapping[str, str]) -> None:
        blob = self._run("hash-object", "-w", "--stdin", given=text).strip()
        # from the top: a path that --cacheinfo names is never relative to where git runs
        self._run("update-index", "--add", "--cacheinfo", f"100644,{blob},{self.prefix}{path}", env=env)

    def _advance(self, head: str | None, tree: str, message: str, author: Author) -> str:
        """A commit of that tree on top of `head`, unless somebody else's is there by now."""
        who = {"GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email}
        who |= {"GIT_COMMITTER_NAME": REGISTRY.name, "GIT_COMMITTER_EMAIL": REGISTRY.email}
        parent = ["-p", head] if head else []
        commit = self._run("commit-tree", tree, *parent, "-m", message, env=who).strip()
        self._run("update-ref", "-m", message, "HEAD", commit, head or "")
        return commit

    def _write(self, path: str, edit: Edit) -> None:
        """Give the folder's own file the same edit, at once or not at all; then say so to the index, if it is free."""
        place = self.folder / path
        there = place.read_text(encoding="utf-8") if place.exists() else None
        text = edit(there)
        if text != there:
            place.parent.mkdir(parents=True, exist_ok=True)
            new = place.with_name(f".{place.name}.{os.getpid()}")
            new.write_text(text, encoding="utf-8")
            new.replace(place)
        self._run("update-index", "--add", "--", path, may_fail=True)

    def _run(
        self, *command: str, given: str | None = None, env: Mapping[str, str] | None = None, may_fail: bool = False
    ) -> str:
        try:
            done = subprocess.run(
                ["git", *command],
                cwd=self.folder,
                input=given,
                capture_output=True,
                text=True,
                encoding="utf-8",
                env={**os.environ, **(env or {})},
                timeout=GIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise GitError(str(self.folder), f"`git {command[0]}` hangs", "see what holds it up") from error
        if done.returncode and not may_fail:
            said = (done.stderr.strip().splitlines() or ["it says nothing"])[0]
            remedy = "try again; if a *.lock file is left from a killed git, delete it"
            raise GitError(str(self.folder), f"`git {command[0]}` fails ({said})", remedy)
        return done.stdout


def apply(folder: Path, edits: Mapping[str, Edit]) -> dict[str, tuple[str | None, str]]:
    """By path, each file's text before and after the edits, where they change it; writes nothing."""
    changed = {}
    for path, edit in edits.items():
        place = folder / path
        before = place.read_text(encoding="utf-8") if place.exists() else None
        after = edit(before)
        if after != before:
            changed[path] = (before, after)
    return changed
