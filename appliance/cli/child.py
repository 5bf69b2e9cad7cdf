"""`gravure _child`: the other end of `appliance.children`."""

import click


@click.command(hidden=True)
@click.argument("name")
@click.argument("memory_bytes", type=int)
@click.argument("cpu_s", type=int)
def child(name: str, memory_bytes: int, cpu_s: int) -> None:
    """A child process of the appliance."""
    from appliance.children import child_main

    child_main(name, memory_bytes, cpu_s)
