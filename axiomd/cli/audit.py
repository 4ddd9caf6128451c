"""`axiomd audit`: who changed what on the box, and when."""

import json

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import json_option, page_options
from axiomd.cli.output import note_more, stdout, table, write_json


@click.command()
@click.option("--act", metavar="WORD", help="Only these, such as key.created.")
@click.option("--tenant", metavar="TENANT", help="Whose log; for keys of the operator.")
@page_options(20)
@json_option
@with_client
def audit(
    client: Client,
    act: str | None,
    tenant: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List the administrative acts of your tenant, newest first.

    Keys, tenants, packages, flows, webhooks, sessions: who made, changed or removed which.

    \b
    Example:
      axiomd audit
      axiomd audit --act key.revoked --limit 5
      axiomd audit --tenant acme
    """
    given = {"act": act, "tenant": tenant, "limit": limit, "cursor": cursor}
    page = client.get("/app/v1/audit", given)
    if as_json:
        write_json(page)
        return
    made = table(None, "At", "By", "Act", "Subject", "Detail")
    for view in page["acts"]:
        detail = json.dumps(view["detail"], ensure_ascii=False) if view["detail"] else ""
        made.add_row(view["at"], view["by"], view["act"], view["subject"], detail)
    stdout().print(made)
    note_more(page)
