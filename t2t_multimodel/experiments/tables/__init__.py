"""One file a table: variants, what is read off, and claims with the rule of their verdict."""

from __future__ import annotations

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.declare import Table
from t2t_multimodel.experiments.tables import affinity, blocks, law, little_data, metrics, single

TABLES = {
    table.name: table
    for table in (metrics.TABLE, single.TABLE, little_data.TABLE, blocks.TABLE, affinity.TABLE, law.TABLE)
}


def find_tables(name: str) -> list[Table]:
    """The tables of `--table`: one, several by commas, or ``"all"``.

    Raises:
        ExperimentError: there is no such table.
    """
    names = list(TABLES) if name == "all" else [part.strip() for part in name.split(",")]
    for one in names:
        if one not in TABLES:
            raise ExperimentError(f"there is no table {one}; give {', '.join(TABLES)} or all")
    return [TABLES[one] for one in names]
