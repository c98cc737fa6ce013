#!/usr/bin/env bash
# Detects the text of a large folder with an array of jobs. Each job takes one part of the pictures and writes one file of JSON
# lines; a job that is killed or runs out of time goes on after the last complete line when it is submitted again.
#
#   sbatch --array=0-63 slurm.sh PICTURES RESULTS
#   sbatch --array=7,12 --export=ALL,SHARDS=64 slurm.sh PICTURES RESULTS      # only these parts of the 64 again
#
# `tcm` is on the PATH (dotnet tool install), or TCM names it.
#SBATCH --job-name=tcm
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@60
#SBATCH --output=tcm-%A_%a.log
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: sbatch --array=0-N slurm.sh PICTURES RESULTS" >&2
    exit 2
fi
pictures=$1 results=$2
# Parts are counted from 0: an array that begins with 1 would leave one out.
shards=${SHARDS:-${SLURM_ARRAY_TASK_COUNT:?start it with sbatch --array=0-N}}
mkdir -p "$results"
# exec: the signal that Slurm sends before the time is over reaches tcm itself, which then stops cleanly.
exec "${TCM:-tcm}" detect "$pictures" --recursive --threads "${SLURM_CPUS_PER_TASK:-0}" \
    --shard "$SLURM_ARRAY_TASK_ID/$shards" --json-lines "$results/shard-$SLURM_ARRAY_TASK_ID.jsonl"
