"""`darkroom up`: runs the whole system on this machine until Ctrl-C and keeps its data for the next start."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from darkroom.cli.invocation import Invocation
from darkroom.embedded.programs import flower_login
from darkroom.embedded.stack_file import StackInfo
from darkroom_shared.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("up")(up)


def up(
    context: typer.Context,
    *,
    flower: Annotated[bool, typer.Option("--flower/--no-flower", help="Also run Flower.")] = True,
    flower_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Flower's port; 5555 or a free one if left out.")
    ] = None,
    api: Annotated[bool, typer.Option("--api/--no-api", help="Also serve the HTTP API and its page.")] = True,
    api_port: Annotated[int | None, typer.Option(min=1, max=65535, help="The API's port; 8080 or a free one if left out.")] = None,
    endpoint_arg: Annotated[
        list[str] | None, typer.Option(metavar="ARG", help="Handed to the local endpoint, e.g. --endpoint-arg=--latency=2.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output once everything runs.")] = False,
) -> None:
    """Start Valkey, the local Bedrock endpoint, a worker, the API and Flower; Ctrl-C stops them. Data stay in DARKROOM_HOME."""
    from darkroom.cli.stack_plan import stack_plan
    from darkroom.embedded.stack import Stack

    invocation = Invocation.of(context)
    settings = invocation.load_settings()
    plan = stack_plan(
        settings.home_folder,
        invocation.environment,
        key_prefix=settings.key_prefix,
        with_flower=flower,
        flower_port=flower_port,
        with_api=api,
        api_port=api_port,
        endpoint_args=tuple(endpoint_arg or ()),
    )
    if settings.redis_url:
        invocation.say(
            "DARKROOM_REDIS_URL is set: other darkroom commands of this shell use that Redis, not the stack started here."
        )
    invocation.say(f"Starting in {settings.home_folder} …")
    Stack(plan, invocation.say).up(lambda info: _announce(invocation, settings, info, as_json))
    invocation.say(f"Stopped. The data stay in {settings.home_folder}.")


def _announce(invocation: Invocation, settings: Settings, info: StackInfo, as_json: bool) -> None:
    login = flower_login(settings.home_folder) if info.flower_url else None
    if as_json:
        invocation.document(
            {
                "redis_url": info.redis_url,
                "assets_url": info.assets_url,
                "bedrock_url": info.bedrock_url,
                "api_url": info.api_url,
                "flower": {"url": info.flower_url, "user": login[0], "password": login[1]} if login else None,
                "home": str(settings.home_folder),
                "pid": info.pid,
            }
        )
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold", no_wrap=False)
    table.add_row("Ledger and broker", info.redis_url)
    table.add_row("Local Bedrock endpoint", info.bedrock_url)
    table.add_row("Pictures", info.assets_url)
    if info.api_url is not None:
        table.add_row("HTTP API", f"{info.api_url}   described in {info.api_url}/openapi.json")
    if login is not None:
        table.add_row("Flower", f"{info.flower_url}   user {login[0]}, password {login[1]}")
    invocation.out.print(table)
    home = "" if settings.home == Settings.model_fields["home"].default else f"DARKROOM_HOME={settings.home_folder} "
    invocation.out.print(
        "\nIn another terminal, nothing else needs to be set:\n"
        f'  {home}darkroom submit text-image "a red sailboat" --wait --save pictures\n'
        f"  {home}darkroom list\n"
        "\nAny AWS SDK gets pictures from the endpoint with:\n"
        f"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={info.bedrock_url} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local "
        "AWS_REGION=us-east-1\n"
        "\nCtrl-C stops everything; data and pictures are kept.",
        markup=False,
        soft_wrap=True,
    )
