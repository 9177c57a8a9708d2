"""Which of what forwards and aliases lead to answers the site's own addresses."""
