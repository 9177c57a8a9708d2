"""What other systems need to work with routerd: one file a system, each turning values into its configuration text."""
