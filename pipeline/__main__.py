"""`python -m pipeline VERB`, out of the workflow's warm process where there is one."""

from __future__ import annotations

import sys

from pipeline import warm


def main() -> None:
    """Run a verb; ends the process."""
    code = warm.hand_over(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    from pipeline import cli  # a stage that is run elsewhere needs none of its imports here

    cli.main()


if __name__ == "__main__":
    main()
