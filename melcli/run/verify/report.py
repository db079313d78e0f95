"""The report of ``melcli verify``: damages, counts, exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from melcli.errors import CHECK_FAILED
from melcli.run.verify.repair import Repairs
from melcli.run.verify.task_result import TaskResult
from melcli.store.damage import Damage
from melcli.store.untracked import UntrackedFile

__all__ = ["VerifyReport"]


@dataclass(slots=True, kw_only=True)
class VerifyReport:
    """The state of an OUT.

    Attributes
    ----------
    out : str
        OUT as it was given.
    num_ok, num_failed : int
        Rows of each status.
    other_config : list of str
        Ids of items made with another config than that of melcli.yaml.  The last run did not find their inputs, and
        readers do not serve them.
    num_read, num_same, num_close, num_not_comparable : int
        See `TaskResult`.
    damages : list of Damage
        Sorted by id.
    untracked : list of UntrackedFile
        Files that no row lists; these are not damage.
    interrupted : bool
        Whether OUT contains a journal: the last run was interrupted.
    unflushed_after_reboot : bool
        Whether the system was rebooted after outputs were written with ``--durability none``, so that any of them may
        be truncated.
    read_all : bool
        Whether the numbers of all outputs were to be read, which finds all truncated outputs.
    locked : bool
        Whether OUT was locked meanwhile.  An OUT that cannot be written cannot be locked.
    other_versions, other_kernel : bool
        Whether the numbers were made with other library versions, or with another BLAS kernel or SIMD level.
    repairs : Repairs or None
        The repairs; None without ``--repair``.
    elapsed_s : float
        Duration of the command, in seconds.
    """

    out: str
    num_ok: int = 0
    num_failed: int = 0
    other_config: list[str] = field(default_factory=list)
    num_read: int = 0
    num_same: int = 0
    num_close: int = 0
    num_not_comparable: int = 0
    damages: list[Damage] = field(default_factory=list)
    untracked: list[UntrackedFile] = field(default_factory=list)
    interrupted: bool = False
    unflushed_after_reboot: bool = False
    read_all: bool = False
    locked: bool = True
    other_versions: bool = False
    other_kernel: bool = False
    repairs: Repairs | None = None
    elapsed_s: float = 0.0

    @property
    def num_damaged(self) -> int:
        """The number of rows whose outputs are damaged."""
        return len({damage.id for damage in self.damages if damage.id is not None})

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        failed = self.damages or self.other_config or self.compared_nothing or self.may_be_truncated
        return CHECK_FAILED if failed else 0

    @property
    def may_be_truncated(self) -> bool:
        """Whether a reboot may have truncated outputs, and not all outputs were read."""
        return self.unflushed_after_reboot and not self.read_all

    @property
    def compared_nothing(self) -> bool:
        """Whether items were to be recomputed, and none was comparable."""
        differ = any(damage.kind == "differs" for damage in self.damages)
        return bool(self.num_not_comparable) and not (self.num_same or self.num_close or differ)

    def add(self, result: TaskResult) -> None:
        """Add the counts of a task; its damages are added separately."""
        self.num_read += result.num_read
        self.num_same += result.num_same
        self.num_close += result.num_close
        self.num_not_comparable += result.num_not_comparable

    def untracked_paths(self, kind: str) -> list[str]:
        """Return the untracked files of one kind."""
        return [stray.path for stray in self.untracked if stray.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {
            "ok": self.num_ok,
            "failed": self.num_failed,
            "damaged": self.num_damaged,
            "kinds": dict(sorted(Counter(damage.kind for damage in self.damages).items())),
            "damages": [damage.plain() for damage in self.damages],
            "unknown": self.untracked_paths("unknown"),
            "leftovers": self.untracked_paths("leftover"),
            "unlisted": self.untracked_paths("unlisted"),
            "other_config": self.other_config,
            "read": self.num_read,
            "recomputed": {
                "same": self.num_same,
                "close": self.num_close,
                "not_comparable": self.num_not_comparable,
            },
            "interrupted": self.interrupted,
            "unflushed_after_reboot": self.unflushed_after_reboot,
            "held": self.locked,
            "repaired": None if self.repairs is None else self.repairs.to_json(),
            "elapsed_s": round(self.elapsed_s, 3),
            "exit_code": self.exit_code,
            "out": self.out,
        }
