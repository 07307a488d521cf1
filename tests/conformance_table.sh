#!/bin/sh
# Tables for docs/conformance.md: conformance_table.sh FILE.jsonl ...
# Runs build/conformance on reference files and counts its verdicts by what ran. FILEs are those that compact.py reads, or
# tests/data/*.jsonl, which hold only what is reproduced.
for file in "$@"; do
    build/conformance "$file" | sed '$d' | paste - "$file"
done | awk -F '\t' '
function member(name,    at) { # the value of a member that is a string; "" if it is not there
    at = index($2, "\"" name "\":")
    if (!at) return ""
    at = substr($2, at + length(name) + 3)
    sub(/^ *"/, "", at)
    sub(/".*/, "", at)
    return at
}
function has(name) { return index($2, "\"" name "\":") > 0 }
function is(name, value) { return match($2, "\"" name "\": *" value) > 0 }
{
    # kinds of lines are known by the members that conformance.c knows them by
    if (has("test_file")) group = "4 Numbers published in the tests of diffusers\t" member("scheduler_class")
    else if (has("sampler")) group = "1 Samplers\t" member("peer") " " member("sampler")
    else if (has("scheduler_class")) group = "2 Schedulers of diffusers\t" member("scheduler_class")
    else if (has("spacing")) group = "3 Grids\t" member("peer") " " member("spacing")
    else if (has("stages"))
        group = "5 Runge-Kutta tableaux\t" member("peer") (is("exponential", "true") ? " exponential" : " classical") \
            (is("multistep_stages", "[1-9]") ? " multistep" : is("hybrid_stages", "[1-9]") ? " with past estimates" : \
             is("explicit", "false") ? " implicit" : "")
    else {
        split(member("kind"), words, /[ .,(]/)
        group = "6 Random numbers\t" words[1]
    }
    runs[group]++
    verdict = match($1, / (ok|FAIL|unsupported|peer_bug) [-+.0-9a-z]+/) ? substr($1, RSTART + 1, RLENGTH - 1) : ""
    split(verdict, words, " ")
    count[group, words[1]]++
    if (words[1] == "ok" && words[2] + 0 > worst[group]) worst[group] = words[2] + 0
}
END {
    for (group in runs)
        printf "%s\t%d\t%d\t%d\t%d\t%s\n", group, runs[group], count[group, "ok"],
            count[group, "FAIL"] + count[group, "unsupported"], count[group, "peer_bug"],
            count[group, "ok"] ? worst[group] ? sprintf("%.0e", worst[group]) : "0" : "-"
}' | LC_ALL=C sort | awk -F '\t' '
function total() { if (part) printf "| all | %d | %d | %d | %d | |\n", sum[1], sum[2], sum[3], sum[4] }
$1 != part {
    total()
    part = $1
    for (i = 1; i <= 4; i++) sum[i] = 0
    printf "\n### %s\n\n| | runs | reproduced | not | peer bugs | largest error |\n", substr(part, 3)
    print "| --- | --- | --- | --- | --- | --- |"
}
{
    printf "| %s | %d | %d | %d | %d | %s |\n", $2, $3, $4, $5, $6, $7
    for (i = 1; i <= 4; i++) sum[i] += $(i + 2)
}
END { total() }'
