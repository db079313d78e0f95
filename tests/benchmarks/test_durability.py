"""The table of what durability costs."""

from benchmarks.durability import LEVELS, tables


def test_the_table_has_a_ratio_for_each_level_over_none_and_the_shortest_runs():
    result = [
        {
            "about": "clips",
            "num_files": 1080,
            "wall_s": {"none": [2.0, 1.0], "batch": [3.0, 4.0], "file": [5.0, 6.0]},
            "over_none": {"none": 1.0, "batch": 1.02, "file": 2.5},
        }
    ]
    (table,) = tables(result)
    assert LEVELS[0] == "none"
    assert table.rows == [["1,080 clips", "1.02", "2.50", "1.00", "3.00", "5.00"]]
    assert len(table.head) == len(table.rows[0])
