"""Which hosts the site has, and what is known of each."""
