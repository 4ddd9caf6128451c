"""What is told of the routes of secrets and flow configs."""

from axiomd.api.described.parameters import page, text
from axiomd.api.described.route import Answer, Body, Page, Route
from axiomd.api.vault import FlowConfigView, SecretView, SetSecretView
from axiomd.api.vault_wire import ConfigBody, SecretBody
from axiomd.errors import KeyFileUnusable, ProfileTaken

_SECRET = "/app/v1/secrets/{secret_name}"
_CONFIGS = "/app/v1/configs"
_CONFIG = f"{_CONFIGS}/{{config_id}}"
_EXAMPLE = {
    "flow": "acme/orders",
    "profile": "staging",
    "node_timeout_seconds": 30,
    "secrets": {"PAYMENT_KEY": "a key of the staging environment"},
}

VAULT = (
    Route(
        "GET",
        "/app/v1/secrets",
        "listSecrets",
        "List secrets by name",
        (Answer(200, "A page of them, without their values.", Page("secrets", SecretView)),),
        "Secrets",
        query=page(),
    ),
    Route(
        "PUT",
        _SECRET,
        "setSecret",
        "Set a secret, or replace it",
        (
            Answer(200, "It has another value from now on.", SetSecretView),
            Answer(201, "It is a new one.", SetSecretView),
        ),
        "Secrets",
        "The value goes in and never comes out: it is sealed, and handed only to nodes that "
        "declare it.",
        body=Body("Its value.", SecretBody, {"value": "a key of the live environment"}),
        refusals=(KeyFileUnusable,),
    ),
    Route(
        "DELETE",
        _SECRET,
        "deleteSecret",
        "Remove a secret",
        (Answer(204, "It is gone; calls that need it fail from now on."),),
        "Secrets",
    ),
    Route(
        "GET",
        _CONFIGS,
        "listFlowConfigs",
        "List flow configs, newest first",
        (Answer(200, "A page of them.", Page("configs", FlowConfigView)),),
        "Flow configs",
        query=(text("flow", "Only of this flow; empty: only those of all flows."), *page()),
    ),
    Route(
        "POST",
        _CONFIGS,
        "createFlowConfig",
        "Make a flow config",
        (Answer(201, "The config.", FlowConfigView),),
        "Flow configs",
        body=Body("What it is.", ConfigBody, _EXAMPLE),
        refusals=(ProfileTaken, KeyFileUnusable),
    ),
    Route(
        "GET",
        _CONFIG,
        "getFlowConfig",
        "Show a flow config",
        (Answer(200, "The config.", FlowConfigView),),
        "Flow configs",
    ),
    Route(
        "PUT",
        _CONFIG,
        "replaceFlowConfig",
        "Replace all of a flow config but its flow",
        (Answer(200, "As it is from now on.", FlowConfigView),),
        "Flow configs",
        body=Body("What it is.", ConfigBody, _EXAMPLE),
        refusals=(ProfileTaken, KeyFileUnusable),
    ),
    Route(
        "DELETE",
        _CONFIG,
        "deleteFlowConfig",
        "Remove a flow config",
        (Answer(204, "It is gone; executions that were given it go on with what is left."),),
        "Flow configs",
    ),
)
