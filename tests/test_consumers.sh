#!/bin/sh
# Takes diffkit.h into other people's builds: installs it, links it every way it may be linked, builds examples/consumers
# and examples/languages with whatever tools there are, and runs the results. CC=cc CXX=c++ test_consumers.sh, from the
# project's root. What needs a tool that is missing is skipped, and said to be.
export CC="${CC:-cc}" CXX="${CXX:-c++}"
unset CFLAGS CXXFLAGS LDFLAGS DESTDIR PREFIX # those of the make that runs this
suite=consumers
. tests/script.sh

check_with() { # TOOLS, then as check
    for tool in $1; do
        "$tool" --version >/dev/null 2>&1 || {
            skip "$2" "no $tool"
            return
        }
    done
    shift
    check "$@"
}

embed=$PWD/tests/embed
# ---- the project as others get it: a repository of its own, to be built in and fetched from
source=$dir/source
mkdir -p "$source/examples"
cp -R diffkit.h LICENSE Makefile README.md "$source"
cp -R examples/fit.h examples/table.h examples/guiders.h examples/infotext.h examples/consumers examples/dll examples/languages examples/packaging "$source/examples"
cd "$source" || exit 1
version=$(sed -n 's/^#define DK_VERSION_MAJOR //p' diffkit.h).$(sed -n 's/^#define DK_VERSION_MINOR //p' diffkit.h)

# ---- make install
files_of() { (cd "$1" && find . ! -type d | LC_ALL=C sort); }
expected='./include/diffkit.h
./include/diffkit_fit.h
./include/diffkit_guiders.h
./include/diffkit_infotext.h
./include/diffkit_table.h
./share/cmake/diffkit/diffkitConfig.cmake
./share/cmake/diffkit/diffkitConfigVersion.cmake
./share/licenses/diffkit/LICENSE
./share/pkgconfig/diffkit.pc'
prefix=$dir/prefix staging="$dir/staged files" staged="$dir/staged files/opt/diffkit"
stage() { make -s "$@" PREFIX=/opt/diffkit DESTDIR="$staging"; }
installs() { make -s install PREFIX="$prefix" && [ "$(files_of "$prefix")" = "$expected" ] && cmp diffkit.h "$prefix/include/diffkit.h"; }
stages() {
    stage install && [ "$(files_of "$staged")" = "$expected" ] && [ "$(ls "$staging")" = opt ] &&
        ! grep -r "$staging" "$staging" && grep -x prefix=/opt/diffkit "$staged/share/pkgconfig/diffkit.pc"
}
uninstalls() {
    touch "$staged/include/other.h" && stage uninstall && [ "$(files_of "$staged")" = ./include/other.h ] &&
        [ ! -e "$staged/share/cmake/diffkit" ] && [ ! -e "$staged/share/licenses/diffkit" ] && stage install
}
check "make install brings these files and no others" installs
check "make install with DESTDIR stages them, and names PREFIX alone" stages
check "make uninstall removes them and nothing else" uninstalls

# ---- links: first() and second() sample, each in a file of its own; the program compares them
mkdir "$dir/links"
cat >"$dir/links/sample.c" <<'END'
#include <diffkit.h>
#include <diffkit.h>
#include <string.h>
static int halve(void *user, const dk_eval *e) {
    (void)user;
    e->output[0] = e->input[0] / 2;
    return 0;
}
#ifdef __cplusplus
extern "C"
#endif
double NAME(void);
double NAME(void) {
    dk_real x = 0;
    dk_config c;
    memset(&c, 0, sizeof c);
    c.steps = 5, c.dim = 1, c.seed = 1;
    return dk_sample(&c, halve, NULL, &x) ? 0 : (double)x;
}
END
cat >"$dir/links/main.c" <<'END'
#include <diffkit.h>
#include <math.h>
#include <stdio.h>
#ifdef __cplusplus
extern "C" {
#endif
double first(void);
double second(void);
#ifdef __cplusplus
}
#endif
int main(void) {
    double a = first(), b = second();
    printf("%.9g %.9g %s\n", a, b, dk_status_text(DK_OK));
    return !(fabs(a) > 0.01 && fabs(a - b) < 1e-6);
}
END
warnings="-Wall -Wextra -Wpedantic -Werror -I."
object() { out=$1 && shift && $CC -std=c11 $warnings -c "$@" -o "$dir/links/$out"; } # NAME.o, then arguments for the compiler
cpp_object() { out=$1 && shift && $CXX -std=c++11 $warnings -c "$@" -o "$dir/links/$out"; }
implementation="-DDIFFKIT_IMPLEMENTATION -x c diffkit.h" sample="-x c $dir/links/sample.c" main="-x c $dir/links/main.c"
links() (cd "$dir/links" && "$@" -o program -lm && ./program) # COMPILER OBJECTS...
exports() { nm -g "$dir/links/$1" | sed -n 's/.* [A-TV-Z] _\{0,1\}//p'; } # the names that a linker sees

users() { object first.o -DNAME=first $sample && object second.o -DNAME=second $sample && object main.o $main; }
apart() { users && object diffkit.o $implementation && links $CC first.o second.o main.o diffkit.o; }
own_names() { [ -n "$(exports diffkit.o)" ] && ! exports diffkit.o | grep -vE '^dkr?_'; }
macros_of() { printf '%b' "$1" | $CC -std=c11 -dM -E -I. -x c - | sed 's/^#define \([A-Za-z0-9_]*\).*/\1/' | LC_ALL=C sort; }
own_macros() { # WHAT STANDS BEFORE: beside those of the headers that it includes
    macros_of "#include <stddef.h>\n#include <stdint.h>\n#include <math.h>\n#include <stdarg.h>\n#include <string.h>\n#include <stdlib.h>\n" >"$dir/theirs" &&
        macros_of "$1#include <diffkit.h>\n#include <math.h>\n#include <string.h>\n#include <stdlib.h>\n" >"$dir/all" &&
        LC_ALL=C comm -13 "$dir/theirs" "$dir/all" >"$dir/ours" && [ -s "$dir/ours" ] && ! grep -v -e '^DK_' -e '^DIFFKIT_' "$dir/ours"
}
only_constants() { # no section of variables; tables with addresses in them are constant once they are linked
    size -A "$dir/links/diffkit.o" | awk '/^\.(data|bss|tdata|tbss|data\.local)[ \t]/ {s += $2; print} END {exit s > 0}'
}
later() {
    printf '#include <diffkit.h>\n#define DIFFKIT_IMPLEMENTATION\n#include <diffkit.h>\n#include <diffkit.h>\n' >"$dir/links/later.c" &&
        object later.o "$dir/links/later.c" && links $CC first.o second.o main.o later.o
}
static_copies() { # of float in one library, of double in another, beside one that all may see
    object first.o -DNAME=first -DDK_STATIC -DDIFFKIT_IMPLEMENTATION $sample &&
        object second.o -DNAME=second -DDK_STATIC -DDK_REAL=double -DDIFFKIT_IMPLEMENTATION $sample &&
        [ "$(exports first.o) $(exports second.o)" = "first second" ] &&
        (cd "$dir/links" && ar rc libfirst.a first.o && ar rc libsecond.a second.o) &&
        links $CC main.o diffkit.o -L. -lfirst -lsecond
}
cpp_calls_c() {
    cpp_object first.o -DNAME=first -x c++ "$dir/links/sample.c" && object second.o -DNAME=second $sample &&
        cpp_object main.o -x c++ "$dir/links/main.c" && links $CXX first.o second.o main.o diffkit.o
}
mixed_precisions() { # the second file is in double, the implementation in float
    users && object double.o -DNAME=second -DDK_REAL=double $sample && ! links $CC first.o double.o main.o diffkit.o
}
other_reals() {
    for real in int _Float16 'long double' real_t; do
        printf '#include <diffkit.h>\n' | $CC -std=c11 -I. "-DDK_REAL=$real" -x c -c - -o "$dir/links/real.o" && return 1
    done
    return 0
}
chosen_visibility() { # DK_API says what is seen of a library, also where nothing is by default
    printf '#define DK_API __attribute__((visibility("default")))\n#include <diffkit.h>\n' >"$dir/links/api.c" &&
        object api.o -fPIC -fvisibility=hidden -DDIFFKIT_IMPLEMENTATION "$dir/links/api.c" &&
        $CC -shared "$dir/links/api.o" -o "$dir/links/libapi.so" -lm && nm -D "$dir/links/libapi.so" | grep -q ' T dk_sample$' &&
        object hidden.o -fPIC -fvisibility=hidden $implementation &&
        $CC -shared "$dir/links/hidden.o" -o "$dir/links/libhidden.so" -lm && ! nm -D "$dir/links/libhidden.so" | grep -q ' T dk_'
}
carries_its_licence() { sed '1d' LICENSE | while read -r line; do grep -qF "$line" diffkit.h || exit 1; done; }
c_calls_cpp() { users && cpp_object cpp.o -DDIFFKIT_IMPLEMENTATION -x c++ diffkit.h && links $CXX first.o second.o main.o cpp.o; }
cat >"$dir/links/planned.c" <<'END'
#include <diffkit.h>
int main(int count, char **given) { /* linked, not run */
    dk_real x = 0;
    dk_config c = {0};
    dk_run run;
    dk_eval e;
    dk_begin_plan(&run, (const dk_plan *)(void *)given, &c, &x, NULL, 0);
    while (dk_next(&run, &e)) e.output[0] = 0;
    return count;
}
END
cat >"$dir/links/minimal.c" <<'END'
#include <diffkit.h>
int main(void) {
    dk_real x = 0;
    dk_config c = {0};
    c.steps = 5, c.dim = 1;
    return (int)dk_sample(&c, NULL, NULL, &x);
}
END
reaches_none() { # FILE FUNCTION...: linked without what it does not reach, the program has none of these
    $CC -std=c11 -I. -ffunction-sections -fdata-sections -Wl,--gc-sections -DDIFFKIT_IMPLEMENTATION "$dir/links/$1" -o "$dir/links/alone" -lm || return 1
    shift
    for function in "$@"; do
        nm "$dir/links/diffkit.o" | grep -qw "$function" && ! nm "$dir/links/alone" | grep -w "$function" || return 1
    done
}
check "the header in three files, the implementation in a fourth" apart
check_with nm "the implementation defines dk_ names alone" own_names
check_with size "the implementation has no variables" only_constants
if echo 'int main(void) { return 0; }' | $CC -Wl,--gc-sections -x c - -o "$dir/alone.out"; then
    check_with nm "a program that runs plans has no recorder, grid and schedule" \
        reaches_none planned.c dkp_record_all dkp_given dkp_at_sigma dkp_proceed
    check_with nm "a program that names nothing has no lists of names and levels" \
        reaches_none minimal.c dkp_samplers dkp_lists dkp_gits_lines dkp_schedules dkp_grids dkp_find dk_save
else
    skip "what programs reach" "no linker that leaves sections out"
fi
check "files that disagree about DK_REAL do not link" mixed_precisions
check "DK_REAL is float or double, or refused" other_reals
check_with nm "DK_API says what a library shows" chosen_visibility
check "the header carries its licence" carries_its_licence
check "the header defines no macros but DK_ and DIFFKIT_ ones" own_macros ""
check "the implementation leaves none of its own behind" own_macros '#define DIFFKIT_IMPLEMENTATION\n'
check "the implementation after the header in one file, and again" later
check_with nm "DK_STATIC copies in two libraries, float and double, beside a third copy" static_copies
check_with "$CXX" "the implementation in C, called from C++" cpp_calls_c
check_with "$CXX" "the implementation in C++, called from C" c_calls_cpp

# ---- a DLL, and a program that samples by it
wine=$(command -v wine64 || command -v wine || echo /usr/lib/wine/wine64)
dll() {
    make -s -C "$source/examples/dll" && WINEDEBUG=-all WINEPREFIX=$dir/wine "$wine" "$source/examples/dll/app.exe" | tr -d '\r' >"$dir/out" &&
        printf '1.000 2.000 3.000\nsteps = -1: must be 1 .. 1000000\n' | cmp - "$dir/out"
}
check_with "x86_64-w64-mingw32-gcc $wine" "a DLL by MinGW and a program that uses it, under wine" dll

# ---- among other people's names
after() { # WHAT IS INCLUDED BEFORE, then the compiler and its options: builds and runs
    before=$1 && shift && "$@" $warnings "-I$embed" "-DBEFORE=$before" "$embed/after.c" -o "$dir/after" -lm && "$dir/after"
}
compiles_after() { before=$1 && shift && "$@" $warnings "-I$embed" "-DBEFORE=$before" -c "$embed/after.c" -o "$dir/after.o"; }
in_namespace() { $CXX -std=c++11 $warnings "-I$embed" "$embed/namespace.cpp" -o "$dir/namespace" -lm && "$dir/namespace"; }
macros() { $CC -std=c11 "$@" -dM -E "$dir/macros.c" -I. | sed 's/^#define \([A-Za-z_0-9]*\).*/\1/' | LC_ALL=C sort; }
own_macros() { # beyond those of the standard headers; of the private ones none is left
    printf '#include <math.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <stdlib.h>\n#include <string.h>\n#ifdef OURS\n#include "diffkit.h"\n#endif\n' >"$dir/macros.c"
    macros >"$dir/theirs" && macros -DOURS -DDIFFKIT_IMPLEMENTATION | comm -13 "$dir/theirs" - >"$dir/ours" &&
        grep -qx DK_VERSION "$dir/ours" && ! grep -Ev '^(DK_|DIFFKIT_|OURS$)' "$dir/ours"
}
read_only() { # neither .data nor .bss has a byte; tables that hold addresses are .data.rel.ro
    object plain.o $implementation && size -A "$dir/links/plain.o" | grep -q '^\.text' &&
        ! size -A "$dir/links/plain.o" | grep -E '^\.(t?data|t?bss|common|data\.rel|data\.rel\.local) +[1-9]'
}
same_with_ndebug() {
    object with.o $implementation && object without.o -DNDEBUG $implementation && cmp "$dir/links/with.o" "$dir/links/without.o"
}
check "after macros of windows.h, X.h, curses.h and others, as C" after '"hostile.h"' $CC -std=c11
check_with "$CXX" "and as C++" after '"hostile.h"' $CXX -std=c++11 -x c++
check_with x86_64-w64-mingw32-gcc "after windows.h" compiles_after '<windows.h>' x86_64-w64-mingw32-gcc -std=gnu11
echo '#include <X11/Xlib.h>' >"$dir/x.c"
if $CC -E "$dir/x.c" >"$dir/log" 2>&1; then
    check "after Xlib.h and X.h" after '<X11/Xlib.h>' $CC -std=gnu11
else
    echo "consumers: skipped: after Xlib.h and X.h (no X11/Xlib.h)"
fi
check_with "$CXX" "inside a namespace" in_namespace
check "every macro that stays begins with DK_ or DIFFKIT_" own_macros
check_with size "no writable data" read_only
check "the same object code with and without NDEBUG" same_with_ndebug

# ---- build systems; what they fetch is this repository
if git --version >/dev/null 2>&1; then
    export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
    wrap=examples/consumers/meson/subprojects/diffkit.wrap
    sed "s|DIFFKIT_REPOSITORY|file://$source|" $wrap >"$dir/wrap" && cp "$dir/wrap" $wrap
    git init -q && git checkout -q -b main && git add . && git -c user.name=me -c user.email=me@example.org commit -q -m all
fi >"$dir/log" 2>&1
consumers=$source/examples/consumers
unset PKG_CONFIG_PATH CMAKE_PREFIX_PATH

readme() { # what stands in the README's blocks stands in the build files, too
    find examples/consumers -type f -exec cat {} + | sed 's|\.\./||g' >"$dir/consumers"
    sed -n -e '/^```cmake$/,/^```$/p' -e '/^```meson$/,/^```$/p' README.md | sed '/^```/d;s/ *#.*//' | grep . >"$dir/lines"
    [ -s "$dir/lines" ] && while IFS= read -r line; do grep -qF -- "$line" "$dir/consumers" || { echo "$line" && return 1; }; done <"$dir/lines"
}
cc_app() { make -s -C "$consumers/cc" && "$consumers/cc/app"; }
pkg_config() { PKG_CONFIG_PATH=$prefix/share/pkgconfig "$@"; }
pkg_config_version() { [ "$(pkg_config pkg-config --modversion diffkit)" = "$version" ]; }
pkg_config_app() { pkg_config make -s -C "$consumers/pkg-config" && "$consumers/pkg-config/app"; }
cmake_app() { # FOLDER, then options for cmake
    out=$dir/$1 app=$consumers/$1
    shift
    cmake -S "$app" -B "$out" "$@" && cmake --build "$out" && "$out/app"
}
cmake_version() {
    mkdir "$dir/version" && cat >"$dir/version/CMakeLists.txt" <<END &&
cmake_minimum_required(VERSION 3.14)
project(version NONE)
find_package(diffkit $version EXACT REQUIRED)
find_package(diffkit ${version%.*} REQUIRED)
foreach(other ${version%.*}.999 $((${version%.*} + 1)))
    find_package(diffkit \${other} QUIET)
    if(diffkit_FOUND)
        message(FATAL_ERROR "taken for version \${other}")
    endif()
endforeach()
END
        cmake -S "$dir/version" -B "$dir/version/out" -DCMAKE_PREFIX_PATH="$staged"
}
meson_app() { # NAME, then options for meson
    out=$dir/$1
    shift
    meson setup "$out" "$consumers/meson" "$@" && ninja -C "$out" && "$out/app"
}
check "the README's lines are those of the build files" readme
check "cc -I" cc_app
check_with pkg-config "pkg-config tells the header's version" pkg_config_version
check_with pkg-config "pkg-config" pkg_config_app
check_with cmake "CMake's find_package takes the header's version and refuses others" cmake_version
check_with cmake "CMake, installed and found" cmake_app cmake_find -DCMAKE_PREFIX_PATH="$staged"
check_with cmake "CMake, a folder within the project" cmake_app cmake_subdirectory
check_with "cmake git" "CMake, fetched" cmake_app cmake_fetch "-DDIFFKIT_REPOSITORY=file://$source"
check_with "meson ninja pkg-config" "Meson, installed and found" pkg_config meson_app meson_found --wrap-mode=nofallback
check_with "meson ninja git" "Meson, fetched" meson_app meson_fetched --wrap-mode=forcefallback

# ---- languages
languages=$source/examples/languages
cpp() { $CXX -std=$1 $warnings "$languages/coins.cpp" -o "$dir/coins-cpp" -lm && "$dir/coins-cpp"; }
rust() {
    $CC $warnings -c "$languages/flat.c" -o "$dir/flat.o" &&
        rustc -D warnings -C linker="${CC%% *}" -C link-arg="$dir/flat.o" -C link-arg=-lm -C link-arg=-lgcc "$languages/coins.rs" -o "$dir/coins-rust" && "$dir/coins-rust"
}
check_with "$CXX" "C++11" cpp c++11
check_with "$CXX" "C++17" cpp c++17
check_with python3 "Python" python3 -W error "$languages/coins.py"
check_with rustc "Rust" rust

report
