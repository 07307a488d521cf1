#!/usr/bin/env python3
"""compact.py CONFORMANCE BYTES FILE.jsonl... > OUT.jsonl

Reference runs for this folder: of the files' lines those that CONFORMANCE (build/conformance) reproduces, without the
members that it does not read. If that is more than BYTES, then lines of more than LONGEST bytes are left out, and of the others
there is first one, the shortest, for each value of each option of each sampler, class or grid, and then as many more of the
shortest as there is room for. Numbers are left as they are.
"""
import glob, json, os, re, subprocess, sys

LONGEST = 50000
program, limit, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
sources = glob.glob(os.path.join(os.path.dirname(__file__), "..", "conformance*.[ch]"))
read = set(re.findall(r'"([A-Za-z_0-9]+)"', "".join(open(s).read() for s in sources)))


def members_read(value):
    if isinstance(value, dict):
        return {k: members_read(v) for k, v in value.items() if k in read and v is not None}
    return [members_read(v) for v in value] if isinstance(value, list) else value


def compact(line):
    # of the evaluations only levels, and these only where the sampler's own do not tell them to the last bit
    rounds = line.get("sampler") == "ablation_sampler" and not line["params"].get("S_churn")
    if line.get("sampler") == "pc" or rounds:
        line["evals"] = [{k: e[k] for k in ("alpha", "sigma") if k in e} for e in line["evals"]]
    else:
        line.pop("evals", None)
    return json.dumps({"id": line["id"]} | members_read(line), separators=(",", ":"))


def options(line):
    who = tuple(str(line.get(k)) for k in ("peer", "sampler", "scheduler_class", "spacing", "model_kind", "kind"))
    yield who
    for part in ("params", "config", "step_args", "set_timesteps_args"):
        for option in line[part].items() if isinstance(line.get(part), dict) else ():
            yield who + tuple(map(str, option))


lines = []
for file in files:
    report = subprocess.run([program, file], capture_output=True, text=True).stdout.splitlines()
    for number, (text, verdict) in enumerate(zip(open(file), report), 1):
        line = json.loads(text)
        line.setdefault("id", line.get("name", "%s/%d" % (os.path.basename(file)[:-6], number)))
        if re.search(r" ok [-+.0-9e]+$", verdict):
            lines.append((line, compact(line)))
all_fit = sum(len(text) + 1 for _, text in lines) <= limit
covered, first, rest = set(), [], []
for i in sorted(range(len(lines)), key=lambda i: len(lines[i][1])):
    if all_fit or len(lines[i][1]) <= LONGEST:
        (rest if covered.issuperset(options(lines[i][0])) else first).append(i)
        covered.update(options(lines[i][0]))
chosen, size = [], 0
for i in first + rest:
    size += len(lines[i][1]) + 1
    if size <= limit or i in first:
        chosen.append(i)
for i in sorted(chosen):
    print(lines[i][1])
print("%d of %d reproduced lines, %d of them for the options" % (len(chosen), len(lines), len(first)), file=sys.stderr)
