"""Masks secrets in text that a user will publish.

On a line, everything after a word that names a secret is masked, and so are the lines below it that
are indented more. This hides some harmless text too, but no spelling of a value gets through.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MASK = "***"
WORD = (
    r"pass[-_ ]?(?:word|wd|phrase|code)|secret|token|credential|cookie|authori[sz]ation|bearer"
    r"|(?:api|access|private|account|signing|encryption|ssh|auth)[-_ ]?key|[_\"'](?:pass|pwd|pw)\b"
)
SECRET = re.compile(WORD, re.I)
NAMED = re.compile(rf"^([ \t]*)(.*?(?:{WORD}))[^\n]*(?:\n\1[ \t]+[^\n]*)*", re.I | re.M)
ADDRESS = re.compile(r"(?<=//)[^\s/]*(?:/[^\s@]*)?@|\b[\w.+-]+:[^\s/:@]+@(?=\w)")
SHAPES = re.compile(
    r"-----BEGIN [^\n]*PRIVATE KEY.*?(?:-----END[^\n]*-----|\Z)"
    r"|\b(?:A[A-Z]{3}[A-Z0-9]{16}|gh[a-z]_\w{10,}|github_pat_\w{10,}|glpat-[\w-]{10,}|hf_\w{10,}"
    r"|xox[a-z]-[\w-]{8,}|sk-[\w-]{16,}|pypi-[\w-]{16,}|eyJ[\w-]{8,}\.[\w.-]+)",
    re.S,
)


def without_secrets(text: str) -> str:
    """The text with passwords and other secrets replaced by ***, and the home folder by ~."""
    text = NAMED.sub(rf"\1\2 {MASK}", SHAPES.sub(MASK, text))
    text = ADDRESS.sub(f"{MASK}@", text)
    for name, value in os.environ.items():
        if SECRET.search(name) and len(value) > 3:
            text = text.replace(value, MASK)
    home = str(Path.home())
    return text.replace(home, "~") if home != "/" else text
