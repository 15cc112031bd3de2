"""What vision tasks have in common."""
