"""Who somebody is to the platform, what their roles allow, and what they asked for: tokens, roles, facts of access."""
