"""Alerts: causes of what fails (pure), folded from the outbox, delivered at least once, resolved when good again."""
