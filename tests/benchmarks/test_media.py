"""The table of what M4A costs."""

from benchmarks.media import tables


def test_the_table_has_the_ratios_and_the_shortest_runs():
    result = {
        "num_files": 1000,
        "wall_s": {"melcli": [6.0, 5.0], "ffmpeg": [4.0, 4.5]},
        "cpu_s": {"melcli": [9.0, 9.5], "ffmpeg": [8.5, 8.0]},
        "wall_ratio": 1.15,
        "cpu_ratio": 1.1,
    }
    (table,) = tables(result)
    assert table.rows == [["wall time", "1.15", "5.00", "4.00"], ["CPU time", "1.10", "9.00", "8.00"]]
    assert all(len(row) == len(table.head) for row in table.rows)
