#!/usr/bin/env bash
# A Slurm job evaluates: one task on each GPU.
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "usage: [GPUS=8 GPUS_PER_NODE=8 CPUS_PER_TASK=5 SRUN_ARGS=]" \
        "$0 PARTITION JOB_NAME CONFIG CHECKPOINT [test.py's arguments]" >&2
    exit 2
fi
partition=$1 job_name=$2 config=$3 checkpoint=$4
shift 4

# SRUN_ARGS holds several arguments: unquoted on purpose.
# shellcheck disable=SC2086
exec srun --partition="$partition" --job-name="$job_name" \
    --ntasks="${GPUS:-8}" --ntasks-per-node="${GPUS_PER_NODE:-8}" --gres="gpu:${GPUS_PER_NODE:-8}" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/test.py" "$config" "$checkpoint" --launcher=slurm "$@"
