"""Errors that a user can fix."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import errno

AGAIN = "then run the same command again: it goes on where it stopped"
LONGEST = 4000  # characters of a message
FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
# torch's messages for cases in which Python would raise MemoryError or OSError.
TORCH_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
TORCH_WRITE = ("PytorchStreamWriter", "inline_container", "unexpected pos")


class InputError(Exception):
    """Wrong input or missing data; each argument is a line that names the fault and the remedy."""

    @property
    def faults(self) -> list[str]:
        """The lines, with unprintable characters escaped, since file names may contain them."""
        return [_line(str(fault)) for fault in self.args]

    def __str__(self) -> str:
        return "; ".join(self.faults)


def _line(text: str) -> str:
    text = "".join(map(_printable, text))
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-500:]}"


def _printable(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else ascii(letter)[1:-1]


def explain(error: BaseException) -> str | None:
    """Explain a lack of disk space, rights or memory in one line; None for other errors."""
    text = str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return f"{error.filename or 'results'}: no space left on the disk; free some, {AGAIN}"
    if isinstance(error, OSError) and error.errno in FORBIDDEN:
        what = error.filename or "results"
        return f"{what}: {error.strerror}; make it readable and its folder writable, {AGAIN}"
    if isinstance(error, MemoryError) or any(words in text for words in TORCH_MEMORY):
        return (
            f"out of memory ({text.splitlines()[0][:120] if text else 'MemoryError'}); raise "
            f"resources.<stage>.mem_mb, or lower micro_batch_size, {AGAIN}"
        )
    if isinstance(error, RuntimeError) and any(words in text for words in TORCH_WRITE):
        return f"a checkpoint or model could not be written; free some disk, {AGAIN}"
    return None
