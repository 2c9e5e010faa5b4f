from tests.passwords import quick_hashes

__all__ = ["quick_hashes"]
