"""What settings are refused for, each in one sentence: contradictions, unknown names, values of the wrong kind."""

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError

from rstmrf.errors import InputError, quoted


def check_together(config) -> None:
    """Refuse settings that contradict each other, or that have no effect together."""
    if 180 % config.tec_downsample_factor:
        divisors = [n for n in range(1, 181) if 180 % n == 0]
        raise InputError(f"tec_downsample_factor={config.tec_downsample_factor} does not divide 180; use {divisors}")
    if config.physics_points and config.collocation_points:
        raise InputError(
            f"physics_points={config.physics_points} and collocation_points={config.collocation_points}: the physics "
            "losses are evaluated at some of the observations or at points of their own; leave one of them out"
        )
    if config.tec_input and config.longitude_jitter_deg:
        raise InputError(
            f"tec_input=True with longitude_jitter_deg={config.longitude_jitter_deg:g}: a moved point has not "
            "the TEC of its new place; set longitude_jitter_deg=0.0"
        )
    if config.tec_frame == "sun" and config.direction_source == "observed":
        raise InputError(
            "tec_frame='sun' with direction_source='observed': there is no window of maps to turn; "
            "set tec_frame='earth'"
        )
    if config.direction_hinge < 1 and config.direction_mode == "document":
        raise InputError(
            f"direction_hinge={config.direction_hinge:g} with direction_mode='document': that form has no hinge; "
            "set direction_hinge=1.0"
        )
    if config.collocation_points and config.collocation_altitude == "column" and config.direction_mode == "document":
        raise InputError(
            "collocation_altitude='column' with direction_mode='document': the document compares points; "
            "set direction_mode='metric'"
        )
    if config.mode == "forecast" and config.split != "last-days":
        raise InputError(f"mode='forecast' with split={config.split!r}: a forecast holds out split='last-days'")


def refusal(error: ValidationError, settings: type[BaseModel]) -> str:
    """One sentence for the first thing that is wrong: key, value, what would be accepted."""
    first = error.errors()[0]
    key, value = quoted(".".join(map(str, first["loc"]))), quoted(repr(first["input"]))
    if first["type"] == "extra_forbidden":
        near = get_close_matches(key, settings.model_fields, n=3)
        remedy = f"did you mean {' or '.join(near)}?" if near else "`rstmrf train --help` lists the settings"
        return f"{key}={value}: there is no setting {key!r}; {remedy}"
    hint = " (write True or False: papermill reads 'true' as text)" if first["type"] == "bool_type" else ""
    wanted = settings.model_fields[key].description if key in settings.model_fields else ""
    return f"{key}={value} is not accepted: {first['msg'].lower()}{hint}; {key} is: {wanted}"
