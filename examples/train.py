"""A short training run on the packaged sample, to be watched from outside.

    python examples/train.py
    python -m memory_profiler examples/train.py

The second prints the memory of the process line by line of each function marked with `@profile`. memory_profiler comes
with the extra `notebooks` and is no longer maintained. It sees the process, not the tensors: for those there is
`rstmrf.memory.ledger`.
"""

import builtins
import tempfile

from rstmrf import RunConfig, RunData, load_inputs, train

profile = getattr(builtins, "profile", lambda function: function)  # memory_profiler puts it there


@profile
def main(batches_of: int = 512):
    config = RunConfig.preset("sample", batch_size=batches_of, epochs=1, head_epochs=1)
    inputs = load_inputs(config)
    data = RunData(*inputs, config)
    with tempfile.TemporaryDirectory() as folder:
        model = train(data, f"{folder}/run")
    return model


if __name__ == "__main__":
    main()
