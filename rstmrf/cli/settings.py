"""Settings of a run on the command line: every key of `RunConfig` as an option, `--set`, and a TOML file."""

import functools
import inspect
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.parameters import NOTEBOOK_DEFAULTS, read_parameters, shown
from rstmrf.presets import PRESETS

#: the setting with which each group of `RunConfig` begins
GROUPS = {
    "batch_size": "Training",
    "basis_dim": "Model",
    "seq_len": "TEC context",
    "w_chapman": "Losses",
    "physics_points": "Collocation and mode",
    "save_best_only": "Files",
}
#: names on the command line of what is no setting of the run itself
PATH_OPTIONS = {"obs": "obs_path", "tec": "tec_path", "drivers": "drivers_path", "start": "start", "out": "run_dir"}


def takes_settings(*, listed: bool):
    """Give a command the options `--preset`, `--config`, `--set` and one for every setting of a run.

    The command gets them as its argument `given`, by their names in `RunConfig`.

    Args:
        listed: whether the help lists every setting; they are accepted in any case.
    """

    def decorate(command):
        own = [p for name, p in inspect.signature(command).parameters.items() if name != "given"]

        @functools.wraps(command)
        def called(**options):
            settings = {name: options.pop(name) for name in RunConfig.model_fields}
            given = gathered(settings, *(options.pop(name) for name in ("preset", "config", "set_")))
            return command(**options, given=given)

        added = [*_GENERAL, *_setting_options(listed)]
        called.__signature__ = inspect.Signature([*own, *added])
        called.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
        del called.__wrapped__
        return called

    return decorate


def _keyword(name, annotation, default=None):
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_PRESET = f"What the other settings start from: {', '.join(PRESETS)}."
_TOML = "TOML file of settings and paths, by the names of the train notebook; options go before it."
_SET = "A setting by its name, as batch_size=512; may be repeated."
_GENERAL = [
    _keyword("preset", Annotated[str | None, typer.Option("--preset", help=_PRESET)]),
    _keyword("config", Annotated[Path | None, typer.Option("--config", help=_TOML, metavar="FILE")]),
    _keyword("set_", Annotated[list[str] | None, typer.Option("--set", help=_SET, metavar="NAME=VALUE")]),
]


def _setting_options(listed):
    """One option a setting; a switch turns on, or off what is on by default, and `--set` turns either way."""
    group, options = "", []
    for name, field in RunConfig.model_fields.items():
        group = GROUPS.get(name, group)
        kind, words = _kind_and_words(field.annotation)
        flag = f"--{name.replace('_', '-')}"
        choices = f"; one of {', '.join(get_args(kind))}" if get_origin(kind) is Literal else ""
        declared = typer.Option(
            f"{flag}/--no-{flag[2:]}" if field.default is True else flag,
            help=f"{field.description}{choices}; default {shown(field.default)}".replace("[", r"\["),
            metavar="|".join([{int: "N", float: "X"}.get(kind, "NAME" if choices else ""), *words]) or None,
            parser=_number_or_word(kind, words) if words else None,
            rich_help_panel=group,
            hidden=not listed,
        )
        options.append(_keyword(name, Annotated[kind | None, declared]))
    return options


def _kind_and_words(annotation) -> tuple[Any, list[str]]:
    """The type of a setting's values, and the words that may stand in place of a number."""
    if get_origin(annotation) is Literal or not get_args(annotation):
        return annotation, []
    first, *others = get_args(annotation)
    words = [word for other in others for word in (["null"] if other is type(None) else get_args(other))]
    return (get_args(first)[0] if get_origin(first) is Annotated else first), words


def _number_or_word(kind, words: list[str]):
    def read(text: str):
        if text in words:
            return text
        try:
            return kind(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is neither a number nor {' or '.join(words)}") from None

    return read


def gathered(settings, preset, config, pairs) -> dict[str, Any]:
    """What was given, by the notebook's names: a TOML file, over it `--set`, over it options.

    Raises:
        InputError: a file that is no TOML, a pair without an equals sign.
    """
    given = read_toml(config) if config else {}
    given |= dict(_pair(text) for text in pairs or [])
    given |= {name: value for name, value in {"preset": preset, **settings}.items() if value is not None}
    return given


def settled(given: dict[str, Any], **paths) -> tuple[RunConfig, dict[str, Any]]:
    """Settings of the run and its paths, from what was `gathered` and from path options that are not None.

    Raises:
        InputError: an unknown name, or a value that is not accepted.
    """
    return read_parameters(given | {PATH_OPTIONS.get(k, k): v for k, v in paths.items() if v is not None})


def read_toml(path: Path) -> dict[str, Any]:
    """Settings and paths of a TOML file by name; they may stand in tables, whose own names are free.

    Raises:
        InputError: no such file, no TOML, a name given twice.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"--config {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as TOML ({error})") from None
    flat = {}
    for name, value in content.items():
        for key, inner in value.items() if isinstance(value, dict) else [(name, value)]:
            key = PATH_OPTIONS.get(key, key).replace("-", "_")
            if key in flat:
                raise InputError(f"{path}: {key} stands there twice; once is accepted")
            flat[key] = inner.isoformat() if isinstance(inner, date) else inner  # TOML has dates of its own
    known = {*RunConfig.model_fields, *NOTEBOOK_DEFAULTS, "preset"}
    if unknown := [key for key in flat if key not in known]:
        raise InputError(f"{path}: there is no setting {unknown[0]!r}; the settings are {', '.join(sorted(known))}")
    return flat


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--set {text}: NAME=VALUE is needed, such as --set batch_size=512")
    return name.strip().replace("-", "_"), _value(value.strip())


def _value(text: str):
    """A number or a truth value where it is one, else the text."""
    if re.fullmatch("true|false", text, re.IGNORECASE):
        return text.lower() == "true"
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
