"""Which destinations the settings name. Pure."""

from analytics_platform.alerts.alertmanager import Alertmanager
from analytics_platform.alerts.deliver import Destination
from analytics_platform.alerts.webhook import Webhook
from analytics_platform.errors import SettingError
from analytics_platform.settings import Settings


def destinations_of(settings: Settings) -> list[Destination]:
    """Alertmanager, the webhook, both or none; SettingError for a webhook that nobody could trust."""
    found: list[Destination] = []
    if settings.alertmanager_url:
        found.append(Alertmanager(url=settings.alertmanager_url))
    if settings.alert_webhook_url:
        if not settings.alert_webhook_secret:
            problem = "is empty, and its receiver could not tell our alerts from others'"
            raise SettingError("alert_webhook_secret", problem, "set it to what the receiver knows")
        found.append(Webhook(url=settings.alert_webhook_url, secret=settings.alert_webhook_secret))
    return found
