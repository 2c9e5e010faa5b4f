"""What the demo workspaces hold. All of it is made up; the secrets open nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agenhood.fleet.demo.chart import bars


@dataclass(frozen=True)
class Key:
    """A credential: `values` are what its form takes beside the name. Days count from today."""

    name: str
    kind: str
    values: dict[str, str]
    expires_in_days: int | None = None
    revoked: bool = False


@dataclass(frozen=True)
class Prompt:
    """`labels` maps a label to the number of its version, from 1."""

    name: str
    description: str
    texts: list[str]
    labels: dict[str, int]


@dataclass(frozen=True)
class Agent:
    """`setup` is what the agent's form takes, with a credential and a prompt by name."""

    name: str
    project: str
    setup: dict[str, Any]
    grants: dict[str, str] = field(default_factory=dict)  # variable -> credential
    changes: list[dict[str, Any]] = field(default_factory=list)  # later revisions
    state: str = "running"
    reason: str = ""


@dataclass(frozen=True)
class Work:
    """Conversations that an agent keeps having: `titles` in turn, a reply and files for each."""

    agent: str
    titles: list[str]
    asked: list[str]
    replies: list[str]
    files: dict[str, str | bytes] = field(default_factory=dict)
    tool: str = "run_shell"
    command: str = "ls"
    output: str = ""


@dataclass(frozen=True)
class Contents:
    projects: list[str]
    keys: list[Key]
    prompts: list[Prompt]
    agents: list[Agent]
    template: tuple[str, str]  # the agent that it is made of, and its name
    work: list[Work]
    asked: tuple[str, str]  # an agent that can really work on a bare machine, and what it is given


READ_ONLY = [{"name": "read_file"}, {"name": "list_files"}]
ALL_TOOLS = [
    {"name": "run_shell", "ask_first": True},
    {"name": "run_python"},
    {"name": "read_file"},
    {"name": "write_file"},
    {"name": "edit_file"},
    {"name": "list_files"},
]

# Needs no model and no key: Python in the sandbox.
PROFILER = {
    "driver": "command",
    "description": "Profiles the newest CSV file in its directory: a report and a chart",
    "command": (Path(__file__).parent / "profile_csv.sh").read_text(),
    "memory_mb": 256,
}
LOCAL_ASSISTANT = {
    "description": "For a model server on this machine, such as Ollama: fill in its address"
    " in the credential, and the name of one of its models here",
    "model": "qwen3:8b",
    "tools": ALL_TOOLS,
}

TRIAGE = """\
You sort incoming invoices for {{company}}.
Answer with one line per invoice: number, supplier, amount, cost centre.
Say "unclear" rather than guess."""

ACME = Contents(
    projects=["Roadrunner support", "Invoice triage", "Release notes", "Anvil catalogue"],
    keys=[
        Key("Anthropic", "anthropic", {"key": "sk-ant-demo-0000-not-a-real-key-a91f"}, 5),
        Key(
            "Local model server",
            "openai",
            {"base_url": "http://127.0.0.1:11434/v1", "key": "demo-key-of-no-server-77c2"},
        ),
        Key(
            "Catalogue repository",
            "git",
            {
                "host": "git.acme.example",
                "user": "catalogue-bot",
                "auth": "token",
                "token": "glpat-demo-not-a-real-token-5be0",
            },
            60,
        ),
        Key("Status page", "token", {"token": "demo-status-token-0000-1d4e"}, 200),
        Key(
            "Old import", "password", {"user": "import", "password": "demo-password"}, revoked=True
        ),
    ],
    prompts=[
        Prompt(
            "Invoice triage",
            "How invoices are sorted",
            [
                "You sort invoices. Answer in a table.",
                TRIAGE.replace("\nSay", " Amounts are in {{currency}}.\nSay"),
                TRIAGE + "\nList what is overdue first. Amounts are in {{currency}}.",
            ],
            {"production": 2, "draft": 3},
        ),
        Prompt(
            "Release notes",
            "Turns merged changes into notes that people read",
            [
                "Write release notes for {{product}} from the list of changes. At most ten lines.",
                (
                    "Write release notes for {{product}} {{version}} from the list of changes.\n"
                    "Group them: new, better, fixed. At most ten lines. No internal names."
                ),
            ],
            {"production": 2, "last-year": 1},
        ),
        Prompt(
            "Support answers",
            "Tone and limits of answers to customers",
            ["Answer politely and briefly. Never promise a date. Ask for the order number."],
            {"production": 1},
        ),
    ],
    agents=[
        Agent(
            "invoice-triage",
            "Invoice triage",
            {
                "description": "Reads invoices and assigns them to cost centres",
                "model": "claude-sonnet-4-5",
                "provider_credential": "Anthropic",
                "prompt": ("Invoice triage", "production"),
                "tools": ALL_TOOLS,
                "environment": {"CURRENCY": "EUR"},
                "secrets": {"LEDGER_PIN": "demo-pin-not-real-0000"},
            },
            changes=[
                {"max_tokens": 200_000, "note": "Long invoices ran out of tokens"},
                {
                    "network_allowed": True,
                    "network_hosts": ["ledger.example.com"],
                    "note": "May look amounts up in the ledger",
                },
            ],
        ),
        Agent("csv-profiler", "Anvil catalogue", PROFILER),
        Agent(
            "local-assistant",
            "Roadrunner support",
            LOCAL_ASSISTANT | {"provider_credential": "Local model server"},
        ),
        Agent(
            "release-notes",
            "Release notes",
            {
                "description": "Writes the weekly release notes",
                "model": "qwen3:14b",
                "provider_credential": "Local model server",
                "prompt": ("Release notes", "production"),
                "tools": READ_ONLY,
            },
            grants={"REPOSITORY_TOKEN": "Catalogue repository"},
        ),
        Agent(
            "support-drafts",
            "Roadrunner support",
            {
                "description": "Drafts answers for the support team",
                "model": "claude-sonnet-4-5",
                "provider_credential": "Anthropic",
                "prompt": ("Support answers", "production"),
                "tools": READ_ONLY,
            },
            state="paused",
        ),
        Agent(
            "catalogue-check",
            "Anvil catalogue",
            {
                "driver": "command",
                "description": "Looks for anvils without a weight",
                "command": "python3 check_catalogue.py --strict",
                "memory_mb": 256,
            },
        ),
        Agent(
            "price-import",
            "Anvil catalogue",
            {
                "driver": "command",
                "description": "Imports the price list every night",
                "command": "python3 import_prices.py",
            },
            grants={"STATUS_TOKEN": "Status page"},
            state="error",
            reason="The last three tasks failed: the price list has a new column.",
        ),
    ],
    template=("support-drafts", "Careful drafter"),
    work=[
        Work(
            "invoice-triage",
            ["Invoices of this week", "Invoices of last week", "A stack without order numbers"],
            [
                "Sort the invoices in inbox/ and say what is unclear.",
                "And the two that came in this morning?",
                "Put those of Wile E. Supplies on the cost centre of the test range.",
            ],
            [
                (
                    "Fourteen invoices, all assigned. Two are unclear: 4711 has no amount, 4712 no"
                    " supplier. The table is in triage.csv."
                ),
                "Both are from Wile E. Supplies, 1,240.00 and 89.90. I put them on 3300.",
            ],
            files={
                "triage.csv": "number,supplier,amount,cost_centre\n4709,Anvil Works,912.50,3100\n"
                "4710,Rocket Skates Ltd,1420.00,3300\n4711,Wile E. Supplies,,unclear\n",
            },
            command="ls -l inbox/ | wc -l",
            output="14\n",
        ),
        Work(
            "release-notes",
            ["Notes for 4.2", "Notes for 4.3", "What changed since spring"],
            ["Write the notes for this week.", "Shorter, and without the internal project name."],
            [
                (
                    "New: anvils can be filtered by weight. Better: the catalogue opens twice as"
                    " fast. Fixed: rockets no longer start while they are being packed."
                ),
            ],
            files={
                "notes.md": "# 4.2\n\n## New\n- Anvils can be filtered by weight.\n\n"
                "## Fixed\n- Rockets no longer start while they are being packed.\n"
            },
            tool="read_file",
            command="changes.txt",
            output="feat: filter anvils by weight\nfix: rockets start while packed\n",
        ),
        Work(
            "support-drafts",
            ["Order 20931 arrived flat", "A question about magnets"],
            ["Draft an answer to this mail: my anvil arrived before me."],
            ["Dear customer, thank you for writing. May we ask for your order number?"],
            tool="read_file",
            command="mail.txt",
            output="My anvil arrived before me. Who pays for the roof?\n",
        ),
        Work(
            "catalogue-check",
            ["Nightly check"],
            ["Check the catalogue."],
            ["312 anvils checked, 3 without a weight: A-17, A-88, A-101."],
            files={
                "report.txt": "312 checked\n3 without a weight\nA-17\nA-88\nA-101\n",
                "report.json": '{"checked": 312, "without_weight": ["A-17", "A-88", "A-101"]}\n',
                "weights.png": bars([12, 31, 64, 88, 71, 33, 13]),
            },
            command="python3 check_catalogue.py --strict",
            output="\x1b[32mok\x1b[0m 309\n\x1b[31mmissing\x1b[0m 3\n",
        ),
        Work(
            "price-import",
            ["Nightly import"],
            ["Import the price list."],
            ["2,104 prices imported."],
            command="python3 import_prices.py",
            output="Traceback (most recent call last):\n  KeyError: 'price_net'\n",
        ),
    ],
    asked=("csv-profiler", "Profile the anvil catalogue."),
)

GLOBEX = Contents(
    projects=["Hammock district", "Nightly data quality", "Contract review"],
    keys=[
        Key(
            "Model server in the cellar",
            "openai",
            {
                "base_url": "http://models.globex.example:8000/v1",
                "key": "demo-globex-key-0000-e3b1",
            },
            90,
        ),
        Key("Weather service", "token", {"token": "demo-globex-weather-0000-44aa"}, 3),
    ],
    prompts=[
        Prompt(
            "Contract review",
            "What to look for in a contract",
            [
                "List the clauses that bind us longer than {{years}} years.",
                "List the clauses that bind us longer than {{years}} years, and who signed them.",
            ],
            {"production": 1, "draft": 2},
        ),
    ],
    agents=[
        Agent(
            "contract-review",
            "Contract review",
            {
                "description": "Finds long commitments",
                "model": "llama-3.3-70b",
                "provider_credential": "Model server in the cellar",
                "prompt": ("Contract review", "production"),
                "tools": READ_ONLY,
            },
        ),
        Agent("csv-profiler", "Nightly data quality", PROFILER),
        Agent(
            "local-assistant",
            "Hammock district",
            LOCAL_ASSISTANT | {"provider_credential": "Model server in the cellar"},
        ),
        Agent(
            "data-quality",
            "Nightly data quality",
            {
                "driver": "command",
                "description": "Counts what is missing in last night's data",
                "command": "python3 quality.py",
            },
            grants={"WEATHER_TOKEN": "Weather service"},
        ),
    ],
    template=("contract-review", "Reader"),
    work=[
        Work(
            "contract-review",
            ["Lease of the hammock hall", "Supplier contracts 2026"],
            ["Which clauses bind us longer than five years?"],
            ["Two: clause 7 (nine years) and clause 12 (until the volcano is sold)."],
            tool="read_file",
            command="lease.txt",
            output="7. The lease runs for nine years.\n",
        ),
        Work(
            "data-quality",
            ["Quality report"],
            ["Check last night's data."],
            ["All 48 sensors reported. Three values are out of range."],
            files={"quality.csv": "sensor,missing,out_of_range\nnorth,0,1\nsouth,0,2\n"},
            command="python3 quality.py",
            output="48 sensors, 3 out of range\n",
        ),
    ],
    asked=("csv-profiler", "Profile last night's sensor data."),
)

CONTENTS = {"acme": ACME, "globex": GLOBEX}
