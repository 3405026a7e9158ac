"""Leaves out of the import of Letta's server what only costs time: a third of a start's processor time."""

import sys


def import_app():
    """Returns Letta's application. Must be the first import of it."""
    sys.argv.append("--no-generation")
    with without_type_checks():
        from letta.server.rest_api import app as module
    sys.argv.remove("--no-generation")
    describe_on_demand(module)
    return module.app


class without_type_checks:
    """Makes @typechecked do nothing, as under python -O: it compiles each function once more.

    inflect has 60 of them; Letta imports it with the generator of models for tools' arguments.
    """

    def __enter__(self) -> None:
        try:
            import typeguard
        except ImportError:
            self.module = None
            return
        self.module, self.typechecked = typeguard, typeguard.typechecked
        typeguard.typechecked = lambda target=None, **_: (lambda one: one) if target is None else target

    def __exit__(self, *_) -> None:
        if self.module is not None:
            self.module.typechecked = self.typechecked


def describe_on_demand(module) -> None:
    """Generates the API's description for the first who asks for /openapi.json, not at each start. `--no-generation` is Letta's own."""
    app = module.app
    describe = app.openapi

    def openapi() -> dict:
        if not app.openapi_schema:
            app.openapi_schema = describe()
            module.generate_openapi_schema(app)
        return app.openapi_schema

    app.openapi = openapi
