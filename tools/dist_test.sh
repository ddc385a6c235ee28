#!/usr/bin/env bash
# Several processes evaluate: one on each GPU, or GPUS processes on the CPU where there is no GPU.
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "usage: [NNODES=1 NODE_RANK=0 MASTER_ADDR=127.0.0.1 PORT=29500]" \
        "$0 CONFIG CHECKPOINT GPUS [test.py's arguments]" >&2
    exit 2
fi
config=$1 checkpoint=$2 gpus=$3
shift 3

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$gpus" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$(dirname "${BASH_SOURCE[0]}")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
