"""What the machine looks like now: facts for the plan."""
