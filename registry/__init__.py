"""What we vouch for: gates, remedies, cards, bundles, the ledger of trials, tracking and promotion."""
