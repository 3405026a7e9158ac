"""Refuses tools whose packages are not in Letta's image.

Letta 0.16.8 installs what a tool's `pip_requirements` name into the server's own Python. Here nothing is installed for a
project; without this check such a tool would be accepted, and fail at its first import.
"""

from importlib.metadata import PackageNotFoundError, version


def refuse_missing_packages() -> None:
    from letta.services.tool_manager import ToolManager

    for name in ("create_tool_async", "create_or_update_tool_async", "update_tool_by_id_async"):
        setattr(ToolManager, name, checked(getattr(ToolManager, name)))


def checked(change):
    """Wraps a function that stores a tool, which is among its arguments."""
    from letta.errors import LettaInvalidArgumentError

    async def change_checked(*args, **options):
        for argument in (*args, *options.values()):
            problem = missing_packages(getattr(argument, "pip_requirements", None))
            if problem is not None:
                raise LettaInvalidArgumentError(problem, argument_name="pip_requirements")
        return await change(*args, **options)

    return change_checked


def missing_packages(requirements) -> str | None:
    """What is wrong with a tool's requirements; None when the image meets them."""
    problems = [problem for requirement in requirements or [] if (problem := missing(requirement)) is not None]
    if not problems:
        return None
    return f"pip_requirements: {', '.join(problems)}; packages are not installed for a tool, see docs/security.md"


def missing(requirement) -> str | None:
    try:
        present = version(requirement.name)
    except (PackageNotFoundError, ValueError):
        return f"{requirement.name} is not in Letta's image"
    if requirement.version in (None, present):
        return None
    return f"Letta's image has {requirement.name} {present}, not {requirement.version}"
