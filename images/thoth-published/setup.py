"""Makes what Thoth needs in its vault from what its image has: folders, prompts, templates, schema.

Runs in the API's container, with its Python: `python - AGENT_MODEL < setup.py`. Keeps every file that is there; of the settings it
sets the agents' model alone, as Thoth has defaults for all others. Prints each file that it makes or changes.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from thoth.services.vault_provisioner import VaultProvisioner


def complete(vault: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # It makes new vaults only.
        made = asyncio.run(VaultProvisioner().provision_vault("vault", Path(folder)))
        # Thoth refuses the settings that it makes here: their keys are null.
        (made / "thoth/_thoth/settings.json").unlink()
        for source in sorted(made.rglob("*")):
            target = vault / source.relative_to(made)
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif not target.exists():
                shutil.copyfile(source, target)
                print(f"made {target.relative_to(vault)}")


def set_agent_model(settings_file: Path, model: str) -> None:
    settings = json.loads(settings_file.read_text()) if settings_file.exists() else {}
    letta = settings.setdefault("memory", {}).setdefault("letta", {})
    if letta.get("agentModel") == model:
        return
    letta["agentModel"] = model
    whole = settings_file.with_suffix(".json.new")
    whole.write_text(json.dumps(settings, indent=2))
    whole.replace(settings_file)
    print(f"set memory.letta.agentModel to {model}")


if __name__ == "__main__":
    complete(Path(os.environ["OBSIDIAN_VAULT_PATH"]))
    set_agent_model(Path(os.environ["THOTH_SETTINGS_FILE"]), sys.argv[1])
