"""auction_house."""
