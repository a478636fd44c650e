"""Groups lines into line items."""
