#!/bin/sh
# Grades one submission for a service. There is a report from the beginning, which says that nothing was graded;
# `grade` puts its own in the place of it, however it ends.
#
#     grade_one.sh FORMAT PACKAGE SUBMISSION REPORT
#
# PACKAGE has two files: `options`, the command line of `grade`, and `not-graded`, the first report.
# Exit status: 0 with a grade, passed or not; 2 if something could not be judged.
set -u
umask 022
format=$1 package=$2 submission=$3 report=$4
root=$(CDPATH='' cd -P "${0%/*}/../.." && pwd)

# A report that lies there is nobody's that we know.
rm -f "$report"
cp "$package/not-graded" "$report" || exit 2

# What ./pagewalk submit has packed is handed in as one file in a folder, which some services unpack.
if [ -d "$submission" ]; then
    inside=$(find "$submission" -mindepth 1 -maxdepth 1)
    case $inside in
        *.tar | *.tar.* | *.tgz | *.zip) [ -f "$inside" ] && submission=$inside ;;
    esac
fi

# Prints why this machine makes no sandbox, or nothing. Fails if that cannot be told.
refusal() {
    PYTHONPATH=$root "${PAGEWALK_PYTHON:-python3}" -P -c \
        'from grade.submission.sandbox import refusal; print(refusal() or "")' 2>/dev/null
}

# Without a sandbox, and as root, what students wrote runs as nobody: who finds the way to it, and sees nothing else of main.
hide_main() {
    mkdir -p "$root/build/submissions"
    chmod go-rwx "$root"/* "$root"/.[!.]* "$root"/build/*
    chmod 711 "$root" "$root/build" "$root/build/submissions"
}

unsealed=''
if ! why=$(refusal) || [ -n "$why" ]; then
    echo "There is no sandbox in this container (${why:-unknown why}): the container is the only one."
    unsealed=--unsealed
    [ "$(id -u)" != 0 ] || hide_main
fi
# shellcheck disable=SC2046,SC2086 # options are words
"$root/pagewalk" grade $(cat "$package/options") --submission "$submission" $unsealed --format "$format" "$report"
status=$?
echo "grade has ended with status $status."
[ "$status" -le 1 ] || exit 2
