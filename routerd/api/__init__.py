"""HTTP: status, health and lists for people and machines."""
