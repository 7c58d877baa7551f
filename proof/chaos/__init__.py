"""`make chaos`: every process and every connection broken by a seeded schedule, and then all counted.

Everything is done from outside: the product runs as it is and does not know that it is being tested. The log of the
SMTP peer is the truth: a message counts from the moment the peer took it, whatever its sender was told, or lived to
hear.
"""
