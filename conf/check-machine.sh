#!/bin/sh
# Say what is missing on this machine, and how to get it, before anything is installed.
python=$1
missing=0

say() {
    echo "missing: $1" >&2
    echo "    get it: $2" >&2
    missing=1
}

if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
    found=$("$python" --version 2>&1 || true)
    say "Python 3.10, 3.11 or 3.12 (\"$python\" is: ${found:-not there})" \
        "apt-get install python3.11 python3.11-venv, or name another: make PYTHON=/path/to/python3.11 ..."
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "Python's venv module" "apt-get install python3-venv"
fi

if [ -n "$JAVA_HOME" ]; then java="$JAVA_HOME/bin/java"; else java=java; fi
version=$("$java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -n 1)
if [ "${version:-0}" -lt 17 ]; then
    say "Java 17 or later (\"$java\" is: ${version:-not there})" \
        "apt-get install openjdk-17-jre-headless, or set JAVA_HOME to one"
fi
exit $missing
