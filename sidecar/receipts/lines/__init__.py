"""What single lines say: their amounts, their role, quantities and names."""
