"""Freed memory goes back to the system now and then, whatever the length of an epoch."""

from rstmrf.data.run_data import RunData
from rstmrf.training import callbacks
from rstmrf.training.callbacks import HandBack
from rstmrf.training.loop import train


def test_freed_memory_is_handed_back_once_in_a_while(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(callbacks, "give_back_freed_memory", lambda: calls.append(now[0]))
    hand_back = HandBack(every_s=60.0)
    for now[0] in (2.0, 59.0, 61.0, 100.0, 121.0, 500.0, 510.0):
        hand_back.on_train_epoch_end(None, None)
    assert calls == [61.0, 121.0, 500.0]


def test_training_hands_it_back_after_its_epochs(
    monkeypatch, thin_observations, sample_tec, sample_indices, tiny_config, tmp_path
):
    calls = []
    monkeypatch.setattr(callbacks, "give_back_freed_memory", lambda: calls.append(None))
    monkeypatch.setattr(HandBack.__init__, "__defaults__", (0.0,))  # not a minute, so at each epoch
    config = tiny_config.changed(epochs=2)
    train(RunData(thin_observations, sample_tec, sample_indices, config), tmp_path / "run")
    assert len(calls) == 2
