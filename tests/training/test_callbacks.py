"""Freed memory goes back to the system now and then, whatever the length of an epoch."""

from rstmrf.training import callbacks
from rstmrf.training.callbacks import HandBack


def test_freed_memory_is_handed_back_once_in_a_while(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(callbacks, "give_back_freed_memory", lambda: calls.append(now[0]))
    hand_back = HandBack(every_s=60.0)
    for now[0] in (2.0, 59.0, 61.0, 100.0, 121.0, 500.0, 510.0):
        hand_back.on_train_epoch_end(None, None)
    assert calls == [61.0, 121.0, 500.0]
