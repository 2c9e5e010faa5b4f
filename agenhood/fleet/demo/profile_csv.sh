python3 -u - <<'PROFILE'
import csv, glob, json, os, random, statistics, time

def say(text, event="message", **more):
    print(json.dumps({"event": event, "text": text, **more}), flush=True)
    time.sleep(0.4)

found = sorted(glob.glob("*.csv"), key=os.path.getmtime)
if found:
    name = found[-1]
else:
    name = "birds.csv"
    say("There is no CSV file here yet, so I count some birds first.")
    with open(name, "w") as f:
        f.write("day,robins,owls\n")
        for day in range(1, 61):
            f.write(f"{day},{random.randint(20, 90)},{random.randint(0, 9)}\n")
say(f"Reading {name}.")
with open(name, newline="", errors="replace") as f:
    rows = list(csv.DictReader(f))
report = [f"# {name}", "", f"{len(rows):,} rows", "", "| column | values | mean | least | most |"]
report += ["|---|---:|---:|---:|---:|"]
bars = []
for column in list(rows[0])[:12] if rows else []:
    texts = [row[column] for row in rows if row[column]]
    try:
        numbers = [float(text) for text in texts]
        mean = statistics.fmean(numbers)
        figures = f"{mean:.2f} | {min(numbers):g} | {max(numbers):g}"
        bars.append((column, mean))
    except (ValueError, statistics.StatisticsError):
        figures = f"{len(set(texts))} different | |"
    report.append(f"| {column} | {len(texts)} | {figures} |")
    print(f"\x1b[32m{column}\x1b[0m: {figures}", flush=True)
    time.sleep(0.4)
most = max((mean for _, mean in bars), default=0) or 1
with open("out/report.md", "w") as f:
    f.write("\n".join(report) + "\n")
with open("out/chart.svg", "w") as f:
    f.write('<svg xmlns="http://www.w3.org/2000/svg" width="480" height="300">')
    for n, (_, mean) in enumerate(bars):
        f.write(f'<rect x="10" y="{10 + 24 * n}" height="18" width="{460 * max(mean, 0) / most:.0f}"/>')
    f.write("</svg>")
say(f"{name} has {len(rows):,} rows. The report and a chart of the means are in out/.")
PROFILE
