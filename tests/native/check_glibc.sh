#!/bin/sh
# check_glibc.sh LIBRARY FLOOR [OBJDUMP]: fails if LIBRARY needs a glibc symbol version newer than FLOOR (such as 2.17).
set -eu
library=$1 floor=$2 objdump=${3:-objdump}
needed=$("$objdump" -T "$library" | sed -n 's/.*(*GLIBC_\([0-9.]*\))* .*/\1/p' | sort -Vu)
[ -n "$needed" ] || { echo "no glibc symbol found in $library: the check is broken" >&2; exit 1; }
newest=$(echo "$needed" | tail -n 1)
if [ "$(printf '%s\n%s\n' "$newest" "$floor" | sort -V | tail -n 1)" != "$floor" ]; then
    echo "$library needs glibc $newest, the floor is $floor:" >&2
    "$objdump" -T "$library" | grep "GLIBC_$newest" >&2
    exit 1
fi
echo "$library needs glibc $newest; the floor is $floor"
