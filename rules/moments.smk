"""Before the first job and after the last: data are looked for, the record is opened and closed."""


def before_first_job():
    """Check the data and start the recorder; the rule `disk` only looks."""
    if "paper" in targets():
        print(plan.announce(CONFIG, EXPERIMENTS, "paper"), file=sys.stderr)
    if targets() != {"disk"}:
        track("start", "--job", WORKFLOW)
        keep_study()


def after_last_job(status):
    """Let the recorder finish; say the results and where they are."""
    track("finish", "--status", status)


def track(*arguments):
    """`python -m pipeline track`; a workflow ends where it fails."""
    command = [sys.executable, "-m", "pipeline", "track", *arguments]
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)


if workflow.is_main_process:
    moments.Moments(workflow, before_first_job, after_last_job)
