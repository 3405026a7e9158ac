"""Tells what the migrations of this image after one revision do, and what each keeps waiting while it runs.

Called as `python3 -c … REVISION` in a container of the new version; prints JSON, newest last:
[{"revision", "title", "operations": [{"what", "table", "lock"}]}]; {"unknown": REVISION} when this image lacks it.
Read from the source, so that it is known before anything runs; what cannot be read is said to be unknown.
"""

import ast
import json
import re
import sys

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

CALLS = {
    "create_table": "none",
    "rename_table": "brief",
    "add_column": "brief",
    "drop_column": "brief",
    "drop_table": "brief",
    "drop_index": "brief",
    "drop_constraint": "brief",
    "create_index": "blocks writes",
    "create_foreign_key": "blocks writes",
    "create_unique_constraint": "blocks all",
    "create_primary_key": "blocks all",
    "create_check_constraint": "blocks all",
    "alter_column": "brief",
    "bulk_insert": "rows",
}

SQL = (
    (r"create\s+(unique\s+)?index\s+concurrently|drop\s+index\s+concurrently", "online"),
    (r"create\s+(unique\s+)?index", "blocks writes"),
    (r"^\s*(with\b.*)?(update|delete|insert)\b", "rows"),
    (r"create\s+(table|type|sequence|extension|schema)", "none"),
    (r"alter\s+table.*(alter\s+column.*type|set\s+not\s+null|add\s+constraint)", "blocks all"),
    (r"alter\s+table|drop\s+|alter\s+(type|sequence)|comment\s+on", "brief"),
    (r"^\s*(select|set|show)\b", "none"),
)

TABLE = r"(?:update|into|from|table|\bon)\s+(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?[\"']?([a-z_][a-z0-9_]*)"


def text_of(node):
    """The text of a constant, also inside of text("…"), and of an f-string as far as it is one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "?" for part in node.values)
    if isinstance(node, ast.Call) and node.args:
        return text_of(node.args[0])
    return None


def keyword(call, name):
    found = [item.value for item in call.keywords if item.arg == name]
    return found[0] if found else None


def of_sql(text):
    flat = " ".join(text.split()).lower()
    lock = next((lock for pattern, lock in SQL if re.search(pattern, flat)), "unknown")
    table = re.search(TABLE, flat)
    return {"what": " ".join(flat.split()[:3]), "table": table.group(1) if table else None, "lock": lock}


def of_call(call, batch_table):
    name = call.func.attr
    lock = CALLS[name]
    if name == "alter_column" and (keyword(call, "type_") or getattr(keyword(call, "nullable"), "value", None) is False):
        lock = "blocks all"
    if name == "create_index" and getattr(keyword(call, "postgresql_concurrently"), "value", False):
        lock = "online"
    texts = [text_of(arg) for arg in call.args]
    # Indexes and constraints are named first.
    position = 1 if re.search("index|constraint|foreign_key|primary_key", name) else 0
    table = batch_table or text_of(keyword(call, "table_name")) or (texts[position] if len(texts) > position else None)
    return {"what": name.replace("_", " "), "table": table, "lock": lock}


def operations(source):
    tree = ast.parse(source)
    upgrade = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    found = []

    def visit(node, batch_table):
        if isinstance(node, ast.With):
            for item in node.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "batch_alter_table":
                    batch_table = text_of(call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in CALLS:
                found.append(of_call(node, batch_table))
            elif node.func.attr in ("execute", "exec_driver_sql"):
                text = text_of(node.args[0]) if node.args else None
                found.append(of_sql(text) if text else {"what": "computed SQL", "table": None, "lock": "unknown"})
        for child in ast.iter_child_nodes(node):
            visit(child, batch_table)

    visit(upgrade, None)
    return found


def main():
    current = sys.argv[1]
    script = ScriptDirectory.from_config(Config("alembic.ini"))
    try:
        script.get_revision(current)
    except CommandError:
        print(json.dumps({"unknown": current}))
        return
    pending = [one for one in reversed(list(script.walk_revisions(current, "heads"))) if one.revision != current]
    print(json.dumps([
        {"revision": one.revision, "title": one.doc, "operations": operations(open(one.path).read())} for one in pending
    ]))


main()
