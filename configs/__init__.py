"""Shipped run configurations, label set and alias table."""
