"""Secrets of the active workspace: sealed by its own key, which the instance's master key wraps.

sealed = seal(row, "sealed", plaintext)      for one field of one row, and no other
plaintext = open_sealed(row, "sealed", sealed)
fingerprint(plaintext)                       the same secret again, in this workspace?
last_four(plaintext)                         what pages show of it
Secret(plaintext)                            how an opened one is carried about
"""

from workspaces.secrets.envelope import KeyDestroyed, fingerprint, last_four, open_sealed, seal
from workspaces.secrets.secret import Secret

__all__ = ["KeyDestroyed", "Secret", "fingerprint", "last_four", "open_sealed", "seal"]
