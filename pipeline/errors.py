"""The one exception for everything that the user can mend."""

from __future__ import annotations


class InputError(Exception):
    """Bad input: one line that names the file or key at fault and the remedy.

    `python -m pipeline` prints it without a traceback and exits with code 2.
    """
