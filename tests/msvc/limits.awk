# What MSVC's limits count in preprocessed C, and whether it stays within them: a string literal (C2026), neighbouring literals
# joined (65,535 bytes), blocks within blocks, parentheses, else-ifs in a row (C1061 counts them as blocks), a name.
BEGIN { limit["literal"] = 16380; limit["joined"] = 65535; limit["blocks"] = 128; limit["parentheses"] = 256; limit["else-ifs"] = 128; limit["name"] = 2047 }

function most(what, n) { if (n > seen[what]) seen[what] = n }

# A token of the line, whose first letter is c; all but strings end a run of them.
function token(c) {
    joined = 0
    if (c == "{") most("blocks", ++blocks)
    if (c == "}") blocks--
    if (c == "(") most("parentheses", ++parentheses)
    if (c == ")") parentheses--
}

{
    while (match($0, /[^ \t]/)) {
        $0 = substr($0, RSTART)
        c = substr($0, 1, 1)
        if (c == "\"") {
            match($0, /^"([^"\\]|\\.)*"/)
            most("literal", RLENGTH - 2)
            most("joined", joined += RLENGTH - 2)
        } else if (c == "'") {
            match($0, /^'([^'\\]|\\.)*'/)
            token(c)
        } else if (match($0, /^[A-Za-z0-9_]+/)) {
            word = substr($0, 1, RLENGTH)
            most("name", RLENGTH)
            token(c)
            match($0, /^[A-Za-z0-9_]+/)
            if (word == "if" && before == "else") most("else-ifs", ++chain[blocks])
            else if (word == "if") chain[blocks] = 0
            before = word
        } else {
            token(c)
            RLENGTH = 1
            before = c
        }
        $0 = substr($0, RLENGTH + 1)
    }
}

END {
    n = split("literal joined blocks parentheses else-ifs name", order, " ")
    for (i = 1; i <= n; i++) {
        what = order[i]
        printf "%s%s %d of %d", (i > 1 ? ", " : ""), what, seen[what], limit[what]
        if (seen[what] > limit[what]) failed = 1
    }
    print blocks ? ", braces do not match" : ""
    exit failed || blocks
}
