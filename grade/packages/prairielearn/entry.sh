#!/bin/sh
# PrairieLearn runs this for each submission, as root and without a network.
mkdir -p /grade/results
exec sh /pagewalk/main/grade/packages/grade_one.sh prairielearn /pagewalk /grade/student /grade/results/results.json
