"""The recipient: the person as the world sees them, an address in its workspace, whatever ids the app gives them."""


def recipient_of(address: str) -> str:
    """Return the one form in which an address that goes over the wire is compared; empty for none.

    Letter case is no part of who somebody is. Plus parts and dots are: providers differ in what they mean by them.
    """
    return address.strip().lower()
