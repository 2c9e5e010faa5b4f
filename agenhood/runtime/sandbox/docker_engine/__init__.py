"""The second engine: containers of Docker Engine, one kept warm for each agent that is at work.

Docker's client library is imported with this package only: machines with bubblewrap run without.
"""

from agenhood.runtime.sandbox.docker_engine.engine import DockerEngine

__all__ = ["DockerEngine"]
