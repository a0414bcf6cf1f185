"""The package flows one way: a module imports only from those before it."""

import ast
from pathlib import Path

import rstmrf

ORDER = [
    ("allocator", "errors", "units", "metrics", "plots", "memory"),
    ("config", "maps"),
    ("background", "parameters"),
    ("data",),
    ("model", "load"),
    ("losses", "weights", "checkpoints", "callbacks"),
    ("ranks", "run_data"),
    ("training",),
    ("predict",),
    ("baselines", "directions", "uncertainty"),
    ("planning", "disk", "evaluate"),
    ("cli",),
]
LEAVES = {"metrics", "plots", "maps", "memory"}
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
ROOT = Path(rstmrf.__file__).parent


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    found |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return {name.split(".")[1] for name in found if name.startswith("rstmrf.")}


def test_imports_flow_one_way():
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for imported in _imports(path) - {part}:
            assert RANK[imported] < RANK[part] or imported in ("errors", "units"), f"{path.name} imports {imported}"


def test_leaves_know_no_model():
    for leaf in LEAVES:
        for path in [*ROOT.glob(f"{leaf}.py"), *ROOT.glob(f"{leaf}/*.py")]:
            assert _imports(path) - {leaf} <= {"errors", "units", "plots"}, f"{path.name} imports {_imports(path)}"


def test_at_most_fifteen_public_names():
    assert len(rstmrf.__all__) <= 15
