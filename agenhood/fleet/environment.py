"""What an agent's environment may hold: names of variables, and hosts it may talk to."""

import re
from ipaddress import ip_address

MAX_VARIABLES = 50
MAX_VALUE = 4000  # characters
MAX_HOSTS = 50

NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,59}")

# Names that change how programs start, load code, or find the network: the sandbox sets those that
# it needs by itself, and a value from here would take that over.
RESERVED = {
    "ALL_PROXY",
    "BASH_ENV",
    "CDPATH",
    "CLASSPATH",
    "CURL_CA_BUNDLE",
    "CURL_HOME",
    "EDITOR",
    "ENV",
    "FTP_PROXY",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "GLOBIGNORE",
    "HOME",
    "HOSTALIASES",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LOCALDOMAIN",
    "LOCPATH",
    "LOGNAME",
    "MALLOC_TRACE",
    "NIS_PATH",
    "NLSPATH",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NO_PROXY",
    "OLDPWD",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PAGER",
    "PATH",
    "POSIXLY_CORRECT",
    "PROMPT_COMMAND",
    "PS4",
    "PWD",
    "REQUESTS_CA_BUNDLE",
    "RES_OPTIONS",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "SHLVL",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TERMCAP",
    "TERMINFO",
    "TMP",
    "TEMP",
    "TMPDIR",
    "TZDIR",
    "USER",
    "VISUAL",
    "ZDOTDIR",
}
RESERVED_PREFIXES = (
    "AGENHOOD_",
    "BASH_FUNC_",
    "DYLD_",
    "GIT_",
    "LD_",
    "MALLOC_",
    "PERL5",
    "PIP_",
    "PYTHON",
    "RUBY",
    "XDG_",
    "_",
)

# Names that mean something inside somebody's own network, or nothing at all.
PRIVATE_ENDINGS = {
    "arpa",
    "corp",
    "domain",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
    "workgroup",
}
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def check_variable(name: str) -> None:
    """Raise ValueError, in words for the person who typed it, for a name that is no good."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"“{name}” is no variable name: use upper-case letters, digits and underscores,"
            " at most 60, not beginning with a digit."
        )
    if name in RESERVED or name.startswith(RESERVED_PREFIXES):
        raise ValueError(f"{name} is reserved: it could change how programs run in the sandbox.")


def clean_host(typed: str) -> str:
    """Return the host name as it is looked up: lower case, without a dot at its end, in ASCII.

    Raises ValueError, in words, for addresses and for names of private networks. What a public name
    resolves to is checked when it is used: a name can be made to point anywhere.
    """
    host = typed.strip().rstrip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError(f"“{typed}” is no host name.") from None
    if _is_address(host):
        raise ValueError(f"“{typed}” is an address: give a host name instead.")
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"“{typed}” is no host name. Write the name alone, such as api.example.com:"
            " no scheme, port, path or wildcard."
        )
    if len(labels) < 2 or labels[-1] in PRIVATE_ENDINGS:
        raise ValueError(f"“{typed}” is the name of a private network: those stay out of reach.")
    return host


def _is_address(host: str) -> bool:
    """Whether resolvers would take it for an address: "127.1" and "0x7f.0.0.1" are ones, too."""
    bare = host.strip("[]").partition("%")[0]
    try:
        ip_address(bare)
    except ValueError:
        return bool(re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]))
    return True
