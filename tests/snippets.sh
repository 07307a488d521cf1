#!/bin/sh
# Turns the synopsis in diffkit.h and every C block of documents into functions, as they stand.
#     snippets.sh FILES...          for tests/test_snippets.c: a test for each block; it must print what stands in a
#                                   ```text block behind it, or nothing
#     snippets.sh --program FILE    the blocks of one document as a program
# Lines from the first on that begins with a word, but for static, enum, typedef and struct, stand in a function, those
# before it at file scope.
program=0
[ "$1" != --program ] || { program=1; shift; }
{
    [ $program = 1 ] || { echo '```c'; sed -n '/^   SYNOPSIS/,/^   CONTENTS/p' diffkit.h | sed '1d;$d;s/^       //'; echo '```'; }
    # but for blocks that are a program in examples
    cat "$@" | awk '/^```c$/ { held = 1; next }
                    held { held = 0; whole = /^\/\* [a-z_]+\.c: /; if (!whole) print "```c" }
                    !whole; /^```$/ { whole = 0 }'
} | awk -v program="$program" -v from="$1" '
    function opening() { return "static void snippet_" n "(void **state) {\n    (void)state;" }
    BEGIN { if (program) print "/* The C blocks of " from ", one after another. */\n#define DIFFKIT_IMPLEMENTATION\n" \
                               "#include \"diffkit.h\"\n#include <math.h>\n#include <stdio.h>\n" }
    /^```c$/ { n++; inside = 1; body = 0; if (!program) print "#define denoise denoise_" n; next }
    /^```text$/ && n == ended && !program { text = 1; print "static const char printed_" n "[] ="; next }
    text && /^```/ { text = 0; print "    \"\";"; prints[n] = 1; next }
    text { gsub(/["\\]/, "\\\\&"); print "    \"" $0 "\\n\""; next }
    /^```/ && inside { inside = 0; ended = n
               if (!body) print opening()
               print "}"; if (!program) print "#undef denoise"; next }
    inside && /^[a-z]/ && !/^(static|enum|typedef|struct) / && !body { body = 1; print opening() }
    inside { print; next }
    NF { ended = 0 } # text between a C block and what follows
    END { for (i = 1; i <= n && !program; i++)
              print "static void test_" i "(void **state) { output[0] = 0, snippet_" i "(state), assert_string_equal(output, " (prints[i] ? "printed_" i : "\"\"") "); }"
          print program ? "int main(void) {" : "static const struct CMUnitTest snippets[] = {"
          for (i = 1; i <= n; i++) print program ? "    snippet_" i "(NULL);" : "    cmocka_unit_test(test_" i "),"
          print program ? "}" : "};" }'
[ $program = 1 ] && exit

# Names of the library's that no file has, links that lead nowhere, and programs in examples that stand otherwise in a page.
words() { grep -oh 'dk[pr]\{0,1\}_[a-z0-9_]*[a-z0-9]\|DK_[A-Z0-9_]*[A-Z0-9]' "$@" | sort -u; }
pages="README.md $(ls docs/*.md | grep -v CHANGELOG)"
dir=$(mktemp -d)
there=$dir/there
words diffkit.h examples/*.[ch] tests/*.[ch] >"$there"
cat $pages | awk -v dir="$dir" '/^```$/ { name = "" }
    begins && /^\/\* [a-z_]+\.c: / { name = dir "/" substr($2, 1, index($2, ":") - 1) }
    name { print >name } { begins = /^```c$/ }'
echo "static const char *const missing[] = {"
words $pages | grep -vxF -f "$there" | sed 's/.*/    "&",/'
for page in $pages; do
    grep -o '](\([^):]*\))' "$page" | sed 's/](//; s/)$//' | sort -u | while read -r link; do
        to=${link%%#*} && to=$([ "$to" ] && echo "$(dirname "$page")/$to" || echo "$page")
        [ -e "$to" ] || echo "    \"$page: $link\","
        case $link in *"#"*) # a heading, as GitHub names it
            sed -n 's/^##* //p' "$to" | tr 'A-Z ' 'a-z-' | sed 's/[^a-z0-9_-]//g' | grep -qx -e "${link#*#}" || echo "    \"$page: $link\"," ;;
        esac
    done
done
for file in "$dir"/*.c; do
    [ ! -e "$file" ] || cmp -s "$file" "examples/${file##*/}" || echo "    \"examples/${file##*/} as it stands in a page\","
done
echo "    NULL};"
rm -r "$dir"
