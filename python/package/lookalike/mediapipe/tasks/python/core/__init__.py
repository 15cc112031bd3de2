"""What all tasks have in common."""
