"""Who somebody is to the platform: tokens that `ap` and the service take, hashed, ending and revocable."""
