"""`gravure _child` and `gravure _receive`: the other ends of `appliance.children` and `appliance.receivers`."""

import click


@click.command(hidden=True)
@click.argument("name")
@click.argument("memory_bytes", type=int)
@click.argument("cpu_s", type=int)
def child(name: str, memory_bytes: int, cpu_s: int) -> None:
    """A child process of the appliance."""
    from appliance.children import child_main

    child_main(name, memory_bytes, cpu_s)


@click.command(hidden=True)
@click.argument("descriptor", type=int)
@click.argument("log_level")
def receive(descriptor: int, log_level: str) -> None:
    """A receiving process of the appliance."""
    from appliance.logs import set_up
    from appliance.receiving import receiving_main

    set_up(log_level)
    receiving_main(descriptor)
