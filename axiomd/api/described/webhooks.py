"""What is told of the routes of webhooks."""

from axiomd.api.described.parameters import page, text
from axiomd.api.described.route import Answer, Body, Page, Route
from axiomd.api.webhook_wire import SubscribeBody
from axiomd.api.webhooks import DeliveryView, RemovedView, SigningSecretView, SubscriptionView
from axiomd.errors import WrongState
from axiomd.execution.deliveries import DeliveryStatus

_ROOT = "/app/v1/webhooks"
_DELIVERY = f"{_ROOT}/deliveries/{{delivery_id}}"
_TAG = "Webhooks"

WEBHOOKS = (
    Route(
        "GET",
        _ROOT,
        "listWebhooks",
        "List who is told of events",
        (Answer(200, "All of them, oldest first.", Page("webhooks", SubscriptionView)),),
        _TAG,
    ),
    Route(
        "POST",
        _ROOT,
        "createWebhook",
        "Tell a receiver of events from now on",
        (Answer(201, "The webhook.", SubscriptionView),),
        _TAG,
        body=Body(
            "Whom, and of what.",
            SubscribeBody,
            {"url": "https://hooks.example/axiomd", "events": ["pause_opened"]},
        ),
        refusals=(WrongState,),
    ),
    Route(
        "DELETE",
        f"{_ROOT}/{{webhook_id}}",
        "deleteWebhook",
        "Tell a receiver nothing more",
        (Answer(200, "It is gone.", RemovedView),),
        _TAG,
    ),
    Route(
        "GET",
        f"{_ROOT}/deliveries",
        "listDeliveries",
        "List what was told, newest first",
        (Answer(200, "A page of deliveries.", Page("deliveries", DeliveryView)),),
        _TAG,
        query=(
            text("status", "Only these.", f"({'|'.join(DeliveryStatus)})", "FAILED"),
            *page(),
        ),
    ),
    Route(
        "GET",
        _DELIVERY,
        "getDelivery",
        "Show a delivery with its attempts",
        (Answer(200, "The delivery.", DeliveryView),),
        _TAG,
    ),
    Route(
        "POST",
        f"{_DELIVERY}/redeliver",
        "redeliver",
        "Tell it once more",
        (Answer(202, "It will be; what comes of it is seen in the delivery.", DeliveryView),),
        _TAG,
        refusals=(WrongState,),
    ),
    Route(
        "GET",
        f"{_ROOT}/secret",
        "getSigningSecret",
        "Read what the tenant's messages are signed with",
        (Answer(200, "The secret.", SigningSecretView),),
        _TAG,
    ),
    Route(
        "POST",
        f"{_ROOT}/secret/rotate",
        "rotateSigningSecret",
        "Replace what the tenant's messages are signed with",
        (
            Answer(
                200,
                "The new secret; the one before it signs beside it for a day.",
                SigningSecretView,
            ),
        ),
        _TAG,
    ),
)
