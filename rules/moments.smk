"""Checks the data and opens the record before the first job; closes it after the last job."""


def before_first_job():
    """Check the data and start the recorder, except for the rule `disk`, which only reads."""
    if "paper" in targets():
        print(plan.announce(CONFIG, EXPERIMENTS, "paper"), file=sys.stderr)
    if targets() != {"disk"}:
        verb("track", "start", "--job", WORKFLOW)
        keep_plan()


def after_last_job(status):
    """Let the recorder finish, and show the results if a page was requested."""
    verb("track", "finish", "--status", status)
    asked = {*CONFIG.experiments} if targets() <= {"all", "index"} else targets()
    if status == "FINISHED" and asked & EXPERIMENTS.keys():
        shown = [EXPERIMENTS[name] for name in sorted(asked & EXPERIMENTS.keys())]
        job = jobs.report_job(CONFIG, shown).model_dump_json()
        verb("report", "--job", job, "--results", RESULTS)


def verb(*arguments):
    """Run `python -m pipeline VERB`; if it fails, the workflow ends."""
    code = subprocess.run([sys.executable, "-m", "pipeline", *arguments]).returncode
    if code:
        sys.exit(code)


if workflow.is_main_process:
    moments.Moments(workflow, before_first_job, after_last_job)
