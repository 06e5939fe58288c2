#!/bin/sh
# Pre-trains the encoder of mini3.toml until it is stopped; after an error it goes on from the newest checkpoint.
#   sh recipes/mini/loop.sh DATA_DIR OUT
# Writes its process group to OUT/pid. PYTHON: the interpreter to use; OMP_NUM_THREADS: 2 if not set.
here=$(dirname "$0")
python=${PYTHON:-python}
# With many arenas the memory of a long run grew to 10 GB.
export MALLOC_ARENA_MAX=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
mkdir -p "$2"
echo $$ > "$2/pid"
until "$python" "$here/transfer.py" --data-dir "$1" --out "$2" &&
    "$python" -m munjang pretrain --recipe "$here/mini3.toml" --init "$2/start" --exclude "$2/left-out.txt" \
        --data-dir "$1" --out "$2/trunk" --resume
do
    sleep 30
done
