"""A small run with a stated σ, and its folder."""

import pytest

from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import save_run
from rstmrf.predict import Predictor, load
from rstmrf.training.loop import train


@pytest.fixture(scope="session")
def stating_run(thin_observations, sample_tec, sample_indices, tiny_config, tmp_path_factory):
    """A model that states its σ, its data, and the folder that holds both."""
    config = tiny_config.changed(w_sigma=1.0, sigma_warmup_epochs=1)
    data = RunData(thin_observations, sample_tec, sample_indices, config)
    folder = tmp_path_factory.mktemp("runs") / "stating"
    model = train(data, folder)
    save_run(folder, model, data)
    return model, data, folder


@pytest.fixture(scope="session")
def predictor(stating_run) -> Predictor:
    """As a user has it: from the folder."""
    return load(stating_run[2])
