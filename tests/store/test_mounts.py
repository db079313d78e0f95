"""Which file system a folder is on, by made-up lists of mounts."""

import os

import pytest

from melcli.store.mounts import Mount, mount_of

LIST = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
23 22 0:20 / /data rw,nosuid shared:5 - nfs4 server:/export rw,vers=4.2
24 22 0:21 / /data/with\040blank rw master:1 - fuse.sshfs user@host: rw
25 22 0:22 / /data/locked ro,relatime - ext4 /dev/vdb rw
26 22 0:23 / /data/sick rw,relatime - ext4 /dev/vdc ro,errors=remount-ro
27 22 0:24 / /twice rw - ext4 /dev/vdd rw
28 27 0:25 / /twice rw - tmpfs tmpfs rw
29 22 0:26 / /bytes\134\377 rw - xfs /dev/vde rw
"""


@pytest.mark.parametrize(
    "folder, kind, point, read_only",
    [
        ("/", "ext4", "/", False),
        ("/database", "ext4", "/", False),
        ("/data", "nfs4", "/data", False),
        ("/data/x/y", "nfs4", "/data", False),
        ("/data/with blank/x", "fuse.sshfs", "/data/with blank", False),
        ("/data/locked", "ext4", "/data/locked", True),
        ("/data/sick", "ext4", "/data/sick", True),
        ("/twice/x", "tmpfs", "/twice", False),
        (os.fsdecode(b"/bytes\\\xff/x"), "xfs", os.fsdecode(b"/bytes\\\xff"), False),
    ],
)
def test_the_mount_of_a_folder(tmp_path, folder, kind, point, read_only):
    (tmp_path / "mountinfo").write_text(LIST.strip() + "\n")
    assert mount_of(folder, tmp_path / "mountinfo") == Mount(kind=kind, point=point, read_only=read_only)


def test_links_are_followed(tmp_path):
    (tmp_path / "mountinfo").write_text(LIST.strip() + "\n")
    (tmp_path / "link").symlink_to("/data")
    found = mount_of(str(tmp_path / "link" / "x"), tmp_path / "mountinfo")
    assert found is not None
    assert found.kind == "nfs4"


def test_where_there_is_no_list(tmp_path):
    assert mount_of("/", tmp_path / "none") is None


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="Linux alone tells its mounts so")
def test_the_real_list_has_a_mount_for_every_folder(tmp_path):
    found = mount_of(str(tmp_path))
    assert found is not None
    assert str(tmp_path).startswith(found.point)
