import pytest

from agenhood.fleet.environment import check_variable, clean_host


@pytest.mark.parametrize("name", ["API_KEY", "LANG", "A", "TOKEN_2", "PATHS", "HOMEPAGE"])
def test_plain_names_of_variables_are_good(name):
    check_variable(name)


@pytest.mark.parametrize(
    "name", ["", "api_key", "2ND", "A-B", "A B", "Ä", "A=B", "A\n", "A\0", "A" * 61, "$A", "A;B"]
)
def test_what_is_no_name_of_a_variable_is_refused(name):
    with pytest.raises(ValueError, match="no variable name"):
        check_variable(name)


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "DYLD_INSERT_LIBRARIES",
        "PATH",
        "HOME",
        "IFS",
        "ENV",
        "BASH_ENV",
        "BASH_FUNC_LS",
        "PROMPT_COMMAND",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "NODE_OPTIONS",
        "RUBYOPT",
        "GIT_SSH_COMMAND",
        "GLIBC_TUNABLES",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSLKEYLOGFILE",
        "TMPDIR",
        "AGENHOOD_MASTER_KEY",
        "_",
    ],
)
def test_names_that_change_how_programs_run_are_refused(name):
    with pytest.raises(ValueError, match="reserved"):
        check_variable(name)


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("api.example.com", "api.example.com"),
        (" API.Example.COM. ", "api.example.com"),
        ("a-b.co", "a-b.co"),
        ("xn--bcher-kva.com", "xn--bcher-kva.com"),
        ("bücher.com", "xn--bcher-kva.com"),
        ("1.example.com", "1.example.com"),
    ],
)
def test_public_host_names_are_kept_as_they_are_looked_up(typed, host):
    assert clean_host(typed) == host


@pytest.mark.parametrize(
    "typed",
    [
        "127.0.0.1",
        "169.254.169.254",
        "8.8.8.8",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "api.0x7f",
        "0177.0.0.1",
        "::1",
        "[::1]",
        "fe80::1%eth0",
        "[::ffff:10.0.0.1]",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
def test_addresses_are_refused_however_they_are_written(typed):
    with pytest.raises(ValueError, match=r"an address|no host name"):
        clean_host(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "localhost",
        "db",
        "printer.local",
        "a.localhost",
        "metadata.google.internal",
        "nas.lan",
        "wiki.corp",
        "box.home.arpa",
        "1.0.0.127.in-addr.arpa",
        "a.home",
        "x.onion",
        "site.test",
    ],
)
def test_names_of_private_networks_are_refused(typed):
    with pytest.raises(ValueError, match="private network"):
        clean_host(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://example.com",
        "example.com/path",
        "example.com:443",
        "user@example.com",
        "*.example.com",
        "exa mple.com",
        "-a.com",
        "a-.com",
        "a..com",
        ".com",
        "a_b.com",
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 5) + ".com",
        "example.com\nevil.com",
        "example.com\0",
        "ex%61mple.com",
    ],
)
def test_what_is_no_host_name_is_refused(typed):
    with pytest.raises(ValueError, match="no host name"):
        clean_host(typed)
