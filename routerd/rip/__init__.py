"""RIP: routes to routers inside the site."""
