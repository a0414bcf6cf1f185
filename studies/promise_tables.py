"""Tables of the chapter on promises, from what `fuzz`, `caches` and `long_run` have stored."""

import pandas as pd

#: outcomes that must not be, by the names under which they are stored
BROKEN = ("other_exceptions", "implausible", "slow", "large", "unclear_sentences")


def readers(found: dict) -> pd.DataFrame:
    """The readers of a trial of the fuzzer: broken promises first, then what became of the cases, and the dearest."""
    counts = pd.DataFrame(found["readers"]).T.drop(columns="faults")
    shown = pd.DataFrame({"promise broken": counts[list(BROKEN)].sum(axis=1).map("{:,.0f}".format)})
    for column in ("results", "refused"):
        shown[column] = counts[column].map("{:,.0f}".format)
    shown["longest (s)"] = counts["longest_seconds"].map("{:.2f}".format)
    shown["largest (MB)"] = counts["largest_mb"].map("{:,.0f}".format)
    return shown.rename_axis(index=None, columns="reader")


def broken(found: dict) -> pd.Series:
    """How often each promise was broken, over all readers."""
    counts = pd.DataFrame(found["readers"]).T[list(BROKEN)].sum().astype(int)
    return counts.rename(lambda name: name.replace("_", " "))


def kept_files(found: dict) -> pd.DataFrame:
    """What became of damaged files that the library keeps, by kind; "another number" would break the promise."""
    became = pd.DataFrame({name: pd.DataFrame(by).T.sum() for name, by in found["kept"].items()}).T
    became = became.reindex(columns=["another number", "refused", "same numbers"]).fillna(0).astype(int)
    return became.rename_axis(index=None, columns="kept")


def slope(run: dict, name: str) -> str:
    """A slope of a long run [MB] with its interval."""
    of = run[name]
    return f"{of['value']:.1f} ({of['low']:.1f} to {of['high']:.1f})"


def steps_after_warm_up(run: dict) -> int:
    """Steps of a long run after its warm-up."""
    series = pd.DataFrame(run["series"])
    first = series.loc[series["minutes"] >= run["warm_up_minutes"], "step"].iloc[0]
    return int(series["step"].iloc[-1] - first)
