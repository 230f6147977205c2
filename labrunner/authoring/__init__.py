"""For authors: `cases` finds a lab's own solutions, `validate` proves with them that its grader is right."""
