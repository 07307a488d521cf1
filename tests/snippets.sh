#!/bin/sh
# Turns the synopsis in diffkit.h and every C block of the README into test functions, as they stand: snippets.sh > FILE
# In each, the lines before `dk_config c` stand at file scope, the rest in a function.
{
    echo '```c'
    sed -n '/^   SYNOPSIS/,/^   CONTENTS/p' diffkit.h | sed '1d;$d;s/^       //'
    echo '```'
    cat README.md
} | awk '
    /^```c$/ { n++; inside = 1; body = 0
               print "#define denoise denoise_" n; next }
    /^```/ && inside { inside = 0
               if (!body) { print "static void snippet_" n "(void **state) { (void)state;" }
               print "}\n#undef denoise"; next }
    inside && /^(dk_config c|    dk_config c)/ && !body { body = 1; print "static void snippet_" n "(void **state) {\n    (void)state;" }
    inside
    END { print "static const struct CMUnitTest snippets[] = {"
          for (i = 1; i <= n; i++) print "    cmocka_unit_test(snippet_" i "),"
          print "};" }'
