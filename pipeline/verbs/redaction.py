"""Replaces secrets in text that a user will publish by `***`."""

from __future__ import annotations

import os
import re
from pathlib import Path

MASK = "***"

# Words of a key that name a secret. PWD is left out, because it is the working folder.
NAME = (
    r"(?:(?i:pass[-_ ]?(?:wor[dt]|wd|phrase|code)|secret|token(?!i[sz])|credential|cookie"
    r"|authori[sz]ation|(?<![a-z])auth(?![a-z])|bearer"
    r"|(?:api|access|private|account|signing|encryption|ssh|auth)[-_ ]?key)"
    r"|[_-](?i:pwd|pass|pw)(?![A-Za-z]))"
)
# `forward pass: 3 ms` has no secret, so these words need `=` or quotes.
SHORT = r"(?:(?<![A-Za-z])(?:(?:pwd|pw)(?=[\"'\\]*\s*[=:])|(?i:pass)(?=\s*=|[\"'\\]+\s*[=:,])))"
SECRET = re.compile(NAME)

QUOTED = r"[bruf]{0,2}(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')+[^\s,;&)}\]]*"
NEW = rf"(?!{re.escape(MASK)})"  # a value that is not masked yet

# `--token VALUE`: up to the next option.
OPTION = re.compile(
    rf"(?<![\w-])(-{{1,2}}(?:[\w.-]*{NAME}[\w.-]*|(?:pwd|pass|pw))(?:=|[ \t]+)){NEW}"
    rf"(?:{QUOTED}|(?!--?[A-Za-z][\w-]{{2,}}[ =])\S+(?:[ \t]+(?!-)\S+)*)"
)
# `token: VALUE`, `"token": VALUE`, `['token', VALUE]`, `token of the user is VALUE`.
ASSIGNED = re.compile(
    rf"((?:{NAME}(?![\w.-]*\.py\b)[\w.-]*|{SHORT})"
    rf"(?:[\"'\\]+,[ \t]*"
    rf"|[\"'\\\])}}]*(?:[^\w\n:=*][^\n:=*]{{0,40}}?)?(?:[ \t]*(?:[:=]+>?|->)|%3[AaDd]|\b(?:is|was)\b)"
    rf"[ \t]*|>))(?:{QUOTED}|{NEW}(?P<rest>[^\n]*))"
)
# `token VALUE`: up to the end of the line, unless a word of ordinary prose follows.
PROSE = (
    r"(?:an?|and|are|as|at|be|but|by|can|cannot|does|expired|failed|files?|for|from|has|have|if|in"
    r"|invalid|is|it|may|missing|must|not?|of|on|or|required|set|should|that|the|to|was|were"
    r"|which|will|with|you|your)\b"
)
PLAIN = re.compile(rf"({NAME}(?:s|[A-Z0-9_-][\w-]*)?[ \t]+){NEW}(?![:=]|->|(?i:{PROSE}))[^\n]+")

ADDRESSES = (
    re.compile(r"(?<=//)(?:[^\s/:@]*:(?!\d{1,5}/)[^\s\"'<>]*@|[^\s/@]+@)"),
    re.compile(r"(?<![\w/])[\w.+-]+:[^\s/:@]+@(?!sha\d)(?=[\w.-])"),
)
SCHEME = re.compile(rf"\b((?i:bearer)[ \t]+|(?i:basic)[ \t]+(?=\S*[A-Z\d+/=])){NEW}\S+")
SHAPES = re.compile(
    r"(?s:-----BEGIN [^\n]*PRIVATE KEY.*?(?:-----END[^\n]*-----|\Z))"
    r"|\b(?:A[A-Z]{3}[A-Z0-9]{16}|gh[a-z]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|glpat-[\w-]{10,}"
    r"|(?:hf|npm)_[A-Za-z0-9]{10,}|api_org_\w{10,}|xox[a-z]-[\w-]{8,}|sk-[\w-]{16,}|AIza[\w-]{30,}"
    r"|pypi-[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?)"
    # The secret key of AWS: 40 characters with capitals, small letters and digits.
    r"|(?<![\w/+=-])(?=\S*[A-Z])(?=\S*[a-z])(?=\S*\d)[A-Za-z0-9/+]{40}(?![\w/+=-])"
    r"|(?<=[?&](?i:sig)=)[^&\s]+|(?<=(?i:signature)=)[^&\s]+"
)


def without_secrets(text: str) -> str:
    """The text with passwords and other secrets replaced by ***, and the home folder by ~."""
    text = SHAPES.sub(MASK, text)
    text = "\n".join(_masked_lines(text))
    for pattern in ADDRESSES:
        text = pattern.sub(f"{MASK}@", text)
    text = SCHEME.sub(rf"\1{MASK}", text)
    named = [value for name, value in os.environ.items() if SECRET.search(name) and len(value) > 3]
    for value in sorted(named, key=len, reverse=True):
        text = text.replace(value, MASK)
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(?![\w-])", "~", text) if len(home) > 1 else text


def _masked_lines(text: str) -> list[str]:
    """The lines with the values of keys masked, and the lines into which such a value continues."""
    lines: list[str] = []
    depth = None  # indentation of the key whose value may continue
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        listed = depth == indent and line.lstrip().startswith("- ")
        if line and depth is not None and (indent > depth or listed):
            lines.append(f"{line[:indent]}{MASK}")
            continue
        line = OPTION.sub(rf"\1{MASK}", line)
        found = [*ASSIGNED.finditer(line)]
        line = ASSIGNED.sub(rf"\1{MASK}", line)
        lines.append(PLAIN.sub(rf"\1{MASK}", line))
        if line:
            depth = indent if any(match["rest"] is not None for match in found) else None
    return lines
