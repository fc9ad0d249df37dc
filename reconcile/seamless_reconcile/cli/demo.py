"""`demo`: the whole story on this machine, in a throw-away folder."""

from __future__ import annotations

import click

from seamless_reconcile.cli.options import output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.exits import Exit


@click.command("demo")
@output_options(json=False)
@click.option("--keep", is_flag=True, help="Keep the folder, to look around or go on in it.")
def command(out: Output, keep: bool) -> Exit:
    """Tell the whole story on this machine: real hashserver and database, no SSH, no configuration.

    Plan, apply, in sync; a real computation warms the caches, plan shows the drift, apply makes them
    cold; a killed service is found and healed; all is taken down. Everything happens in a throw-away
    folder with a HOME of its own, every command is shown, and every step's outcome is checked: exit 1
    if one is not as it should be.
    """
    from seamless_reconcile.demo.narrator import Narrator  # noqa: PLC0415 - imported when used
    from seamless_reconcile.demo.stage import DemoFailed, missing_commands, stage  # noqa: PLC0415
    from seamless_reconcile.demo.story import Story  # noqa: PLC0415

    missing = missing_commands()
    if missing:
        out.say(f"the demo needs {', '.join(missing)}; pip install 'seamless-reconcile[services]'")
        return Exit.ERROR
    with stage(keep=keep, quiet=out.quiet) as made:
        try:
            Story(made, Narrator(out.show), out.color).tell()
        except DemoFailed as failed:
            out.say(f"the demo failed: {failed}")
            return Exit.ERROR
        except KeyboardInterrupt:
            out.say("interrupted: taking down what was started")
            return Exit.INTERRUPTED
        finally:
            if keep:
                out.note(f"kept: {made.folder}")
    return Exit.OK
