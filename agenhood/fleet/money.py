"""What tasks cost, for people to read. Stored are millionths of a US dollar."""


def cost(micros: int) -> str:
    """Return an amount as "$0.41"; what rounds to nothing and is not as "<$0.01"."""
    if 0 < micros < 5_000:
        return "<$0.01"
    return f"${micros / 1_000_000:,.2f}"
