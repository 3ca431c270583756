"""Parses the dbt project, compiles it against an empty lake, and lints the compiled SQL with sqlfluff.

The compiled SQL is what runs; see .sqlfluff for why not the templated one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common.lake import Lake
from common.settings import DBT_PROJECT_DIR, PROJECT_ROOT


def main() -> int:
    """Return 0 when dbt parses and compiles and sqlfluff finds nothing."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        Lake(home / "lake").ensure()
        environment = {**os.environ, "SIYU_HOME": folder, "SIYU_AS_OF": "2026-01-01"}
        dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet"]
        where = ["--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)]
        where += ["--target-path", str(home / "target"), "--log-path", str(home / "logs")]
        # run first: compiling looks into the tables that the models before it built
        for command in ("parse", "run", "compile"):
            subprocess.run([*dbt, command, *where], env=environment, check=True)
        compiled = home / "target" / "compiled" / "siyu"
        for unit_tests in compiled.rglob("*_unit_tests.yml"):  # dbt's own fixtures, not ours
            shutil.rmtree(unit_tests)
        sqlfluff = [str(Path(sys.executable).with_name("sqlfluff")), "lint", "--config", ".sqlfluff"]
        return subprocess.run(
            [*sqlfluff, "--processes", "2", str(compiled)], cwd=PROJECT_ROOT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
