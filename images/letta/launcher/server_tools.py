"""Keeps projects' tools, which are arbitrary Python, out of Letta's server process.

Letta 0.16.8 runs a tool as the server's user with the server's environment (services/tool_sandbox/local_sandbox.py), so a
tool has the server's password, the database and all other projects. Here a tool runs as a user of its organization, with
what its project set for it; see tool_launcher.py. Everything else that would run a project's text in the server, or as its
user, is refused.
"""

import asyncio
import hashlib
import json
import os
import sys

from server_packages import missing_packages, refuse_missing_packages

LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tool_launcher.py")
FOLDERS = "/run/letta-tools"
# World-writable: tools of one organization could leave files there for those of another.
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", os.path.join(sys.prefix, ".lock"))
MOST_OUTPUT_BYTES = 16 * 1024 * 1024
GATEWAY = os.environ.get("TOOL_LETTA_URL", "")
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONWARNINGS": "ignore",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "NO_COLOR": "1",
    "TERM": "dumb",
    # For a tool whose project gave it a token as LETTA_API_KEY.
    "LETTA_BASE_URL": GATEWAY,
    "LETTA_SERVER_URL": GATEWAY,
}


def tool_user(organization: str) -> int:
    """The uid and gid an organization's tools run as, far from any of the system."""
    return 1_000_000 + int.from_bytes(hashlib.sha256(organization.encode()).digest()[:8], "big") % 2_000_000_000


def prepare_folders() -> None:
    """Leaves a tool its folder as the only place to write, and tools of the default organization the exchange area."""
    from letta.constants import DEFAULT_ORG_ID

    user = tool_user(DEFAULT_ORG_ID)
    home = os.environ["HOME"]
    os.makedirs(home, exist_ok=True)
    os.makedirs(FOLDERS, exist_ok=True)
    os.chmod(FOLDERS, 0o711)
    for path in filter(os.path.exists, SHARED):
        os.chmod(path, 0o700)
    exchange = os.path.join(home, ".persist")
    for entry in os.scandir(home):
        if entry.path != exchange and not entry.is_symlink():
            # An older installation may have left other owners.
            os.chown(entry.path, 0, 0)
            os.chmod(entry.path, 0o700 if entry.is_dir() else 0o600)
    os.chown(home, 0, user)
    os.chmod(home, 0o710)
    for folder, _, files in os.walk(exchange):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            # Left there by tools that ran as root. No tool runs yet that could swap it.
            if os.lstat(path).st_uid == 0:
                os.chown(path, user, user, follow_symlinks=False)


class Refused(Exception):
    """Letta would do this; here it is refused."""


def refuse(what: str):
    def refused(*_, **__):
        raise Refused(f"{what} is disabled in this server, see docs/security.md")

    return refused


def contain_tools() -> None:
    from letta.functions import ast_parsers
    from letta import interface
    from letta.schemas.sandbox_config import LocalSandboxConfig, SandboxConfig
    from letta.services.sandbox_config_manager import SandboxConfigManager
    from letta.server.rest_api.routers.v1 import sandbox_configs
    from letta.services import tool_manager
    from letta.services.helpers import tool_execution_helper, tool_parser_helper
    from letta.services.tool_executor.tool_execution_sandbox import ToolExecutionSandbox
    from letta.services.tool_sandbox import base, local_sandbox

    local_sandbox.AsyncToolSandboxLocal.run = run
    ToolExecutionSandbox.run = refuse("running a tool in the server")
    for module in (ast_parsers, interface, tool_manager):
        # A module's global shadows the builtin.
        module.eval = module.exec = refuse("evaluating a project's text in the server")
    ast_parsers.resolve_type = plain_types_of(ast_parsers.resolve_type)
    # Up to 0.16.5 a tool's output is unpickled, which executes what the tool put into it.
    tool_parser_helper.pickle = None
    for module in (tool_execution_helper, local_sandbox, sandbox_configs):
        for name in ("create_venv_for_local_sandbox", "install_pip_requirements_for_sandbox"):
            setattr(module, name, refuse("installing packages for a project"))
    for name in ("create_or_update_sandbox_config_async", "update_sandbox_config_async"):
        setattr(SandboxConfigManager, name, without_packages(getattr(SandboxConfigManager, name)))
    # The server would create, write to and, with its venv, delete a folder that the project chooses.
    SandboxConfig.get_local_config = lambda self: LocalSandboxConfig(sandbox_dir=FOLDERS)
    base.add_imports_and_pydantic_schemas_for_args = own_references_only(base.add_imports_and_pydantic_schemas_for_args)
    refuse_missing_packages()


def without_packages(save):
    """Refuses a sandbox config that asks for packages, no matter who sets it: tools run with those of Letta's image."""
    from letta.errors import LettaInvalidArgumentError

    async def checked(self, *args, **options):
        for given in (*args, *options.values()):
            config = getattr(given, "config", None)
            if getattr(config, "use_venv", False) or getattr(config, "pip_requirements", None):
                raise LettaInvalidArgumentError(
                    "tools run with the packages of Letta's image: use_venv and pip_requirements are disabled in this server,"
                    " see docs/security.md", argument_name="config",
                )
        return await save(self, *args, **options)

    return checked


def plain_types_of(resolve_type):
    """Permits plain types only: Letta calls what an annotation names, `exec` for instance, with the argument."""
    import typing

    plain = {str, int, float, bool, list, dict, set, tuple}

    def resolve(annotation: str, **_):
        found = resolve_type(annotation)
        if (typing.get_origin(found) or found) in plain:
            return found
        raise ValueError(f"Unsupported annotation: {annotation}")

    return resolve


def own_references_only(generate):
    """Permits self-contained schemas only: the generator reads the file or address a reference names.

    Letta passes it the schema as Python prints it, to be read as YAML, where a text with both kinds of quotes can end early
    and continue as another reference (services/helpers/tool_execution_helper.py). JSON is read as it was checked.
    """

    class Json(dict):
        def __str__(self) -> str:
            return json.dumps(self)

    def references(value):
        if isinstance(value, dict):
            yield from (item for key, item in value.items() if key in ("$ref", "$id", "$dynamicRef", "$recursiveRef"))
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from references(item)

    def checked(schema: dict) -> str:
        if any(not str(reference).startswith("#") for reference in references(schema)):
            raise Refused("a schema must be self-contained, see docs/security.md")
        return generate(Json(schema))

    return checked


async def run(self, agent_state=None, additional_env_vars=None):
    """Replaces AsyncToolSandboxLocal.run."""
    from letta.constants import DEFAULT_ORG_ID
    from letta.schemas.enums import SandboxType
    from letta.schemas.tool_execution_result import ToolExecutionResult
    from letta.utils import get_friendly_error_msg, parse_stderr_error_msg

    config = self.provided_sandbox_config or await self.sandbox_config_manager.get_or_create_default_sandbox_config_async(
        sandbox_type=SandboxType.LOCAL, actor=self.user
    )
    await self._init_async()
    problem = missing_packages(self.tool.pip_requirements)
    if problem is not None:
        raise Refused(problem)
    own = await self._gather_env_vars(agent_state, additional_env_vars, config.id, is_local=False)
    organization = self.user.organization_id
    job = {
        "user": tool_user(organization),
        # Applications, which are other users, read what the default organization's tools leave in the exchange area.
        "umask": 0o022 if organization == DEFAULT_ORG_ID else 0o077,
        "python": sys.executable,
        "code": result_as_json(self, await self.generate_execution_script(agent_state, wrap_print_with_markers=True)),
        "environment": {**ENVIRONMENT, **{key: str(value) for key, value in own.items()}},
    }
    exit_code, output, errors = await launch(self.tool_name, job)
    returned, printed = self.parse_out_function_results_markers(output)
    result, new_agent_state = parse_result(returned)
    if exit_code != 0 and result is None:
        exception, message = parse_stderr_error_msg(errors)
        if exception == "ModuleNotFoundError":
            message += ", and this server installs no packages for tools, see docs/security.md"
        result = get_friendly_error_msg(function_name=self.tool_name, exception_name=exception, exception_message=message)
    return ToolExecutionResult(
        func_return=result,
        agent_state=new_agent_state,
        stdout=[printed] if printed else [],
        stderr=[errors] if errors else [],
        status="success" if exit_code == 0 else "error",
        sandbox_config_fingerprint=config.fingerprint(),
    )


def result_as_json(sandbox, code: str) -> str:
    """Makes the script of Letta up to 0.16.5, which pickles its result, write JSON like later ones."""
    name = sandbox.LOCAL_SANDBOX_RESULT_VAR_NAME
    plain = "lambda value: value.model_dump(mode='json') if hasattr(value, 'model_dump') else str(value)"
    return code.replace(f"{name}_pkl = pickle.dumps({name})", f"{name}_pkl = __import__('json').dumps({name}, default={plain}).encode()")


def parse_result(returned: bytes):
    from letta.schemas.agent import AgentState

    if not returned:
        return None, None
    result = json.loads(returned)
    state = result.get("agent_state")
    return result.get("results"), AgentState.model_validate(state) if state else None


async def launch(tool_name: str, job: dict) -> tuple[int, bytes, str]:
    """Runs a job through the launcher. Returns exit code, standard output and standard error."""
    from letta.settings import tool_settings

    timeout = tool_settings.tool_sandbox_timeout
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    # Without the project's environment: the launcher still runs as root.
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", LAUNCHER, env={}, start_new_session=True, **pipes)
    try:
        async with asyncio.timeout(timeout):
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            output, errors = await asyncio.gather(read_some(process.stdout), read_some(process.stderr))
            return await process.wait(), output, errors.decode(errors="replace")
    except TimeoutError:
        raise TimeoutError(f"Executing tool {tool_name} timed out after {timeout} seconds.") from None
    finally:
        if process.returncode is None:
            process.terminate()


async def read_some(stream) -> bytes:
    parts, size = [], 0
    while part := await stream.read(65536):
        size += len(part)
        if size > MOST_OUTPUT_BYTES:
            raise Refused(f"the tool printed more than {MOST_OUTPUT_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
