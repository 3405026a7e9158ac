"""Makes the settings of Thoth's users valid: those that Thoth makes for a new user it refuses itself, as their keys are null.

Runs in the API's container: `python -IS - < user_settings.py`. Prints each user whose settings it changed.
"""

import json
import os
from pathlib import Path


def make_valid(file: Path) -> bool:
    settings = json.loads(file.read_text())
    keys = settings.get("api_keys") or {}
    given = {name: value for name, value in keys.items() if value is not None}
    if given == keys:
        return False
    whole = file.with_suffix(".json.new")
    whole.write_text(json.dumps({**settings, "api_keys": given}, indent=2))
    whole.replace(file)
    return True


if __name__ == "__main__":
    for found in sorted(Path(os.environ["THOTH_VAULTS_ROOT"]).glob("*/thoth/_thoth/settings.json")):
        if make_valid(found):
            print(f"removed keys without a value from the settings of user {found.parents[2].name}")
