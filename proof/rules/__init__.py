"""Servers that break the rules of SMTP in seeded ways, and what our outcomes say beside what they did."""
