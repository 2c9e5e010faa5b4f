"""An OpenID Connect provider on localhost that speaks the real protocol: discovery, the code flow
with PKCE, signed ID tokens, keys. It checks what a client sends, and lies where a test tells it to.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "agenhood", "the client's secret"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ANOTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """`person` is whom it knows, as claims. How it lies is in the rest."""

    def __init__(self, address: str) -> None:
        self.issuer = address
        self.person: dict[str, Any] = {
            "sub": "42",
            "email": "person@example.test",
            "email_verified": True,
        }
        self.told: dict[str, Any] = {}  # in the ID token, over what is true
        self.in_id_token = {"sub", "email", "email_verified"}
        self.user_info: dict[str, Any] = {}  # at that endpoint, over what is true
        self.says_it_is = address
        self.key, self.algorithm = KEY, "RS256"
        self.codes: dict[str, dict[str, str]] = {}
        self.faults: list[str] = []  # of the client

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.says_it_is,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return {"keys": [public | {"kid": "one", "alg": "RS256", "use": "sig"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the person's browser is sent, having signed in here."""
        self._check("response_type", query.get("response_type") == "code")
        self._check("client_id", query.get("client_id") == CLIENT_ID)
        self._check("scope", {"openid", "email"} <= set(query.get("scope", "").split()))
        self._check("challenge", query.get("code_challenge_method") == "S256")
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self._check("verifier", challenge == asked.get("code_challenge"))
        self._check("redirect_uri", form.get("redirect_uri") == asked["redirect_uri"])
        self._check("secret", form.get("client_secret") == CLIENT_SECRET)
        now = int(time.time())
        claims = {name: self.person[name] for name in self.in_id_token & self.person.keys()}
        claims |= {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60}
        claims = {k: v for k, v in (claims | self.told).items() if v is not None}
        key: Any = self.key
        signed = jwt.encode(claims, key, self.algorithm, headers={"kid": "one"})
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": signed}

    def _check(self, what: str, right: bool) -> None:
        if not right:
            self.faults.append(what)


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif url.path == "/userinfo":
                self._json(provider.person | provider.user_info)
            elif url.path == "/keys":
                self._json(provider.keys())
            elif url.path == "/.well-known/openid-configuration":
                self._json(provider.configuration())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            tokens = provider.token({n: v[0] for n, v in parse_qs(body).items()})
            self._json(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)

        def _json(self, content: dict[str, Any], status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler


@contextmanager
def running_provider() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = _handler(provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
