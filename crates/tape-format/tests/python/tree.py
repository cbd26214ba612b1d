"""Describes a directory tree as JSON, or makes one with everything a file system can hold.

tree.py describe DIR        one object per path; paths in hex
tree.py make DIR KIND       KIND: full, or old (nothing that v7 and ustar archives cannot say)
"""

import hashlib
import json
import os
import stat
import sys


def describe(top):
    entries = []
    for folder, dirs, files in os.walk(os.fsencode(top)):
        for name in sorted(dirs + files):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            entry = {
                "path": os.path.relpath(path, os.fsencode(top)).hex(),
                "mode": stat.S_IMODE(info.st_mode),
                "uid": info.st_uid,
                "gid": info.st_gid,
                "mtime_ns": info.st_mtime_ns,
                "inode": info.st_ino,
            }
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    entry["sha256"] = hashlib.sha256(file.read()).hexdigest()
                entry.update(type="file", size=info.st_size, allocated=info.st_blocks * 512)
            elif stat.S_ISDIR(info.st_mode):
                entry["type"] = "directory"
            elif stat.S_ISLNK(info.st_mode):
                entry.update(type="symlink", link=os.readlink(path).hex())
            elif stat.S_ISFIFO(info.st_mode):
                entry["type"] = "fifo"
            elif stat.S_ISCHR(info.st_mode):
                entry["type"] = "char_device"
            elif stat.S_ISBLK(info.st_mode):
                entry["type"] = "block_device"
            if entry["type"].endswith("device"):
                entry["device"] = [os.major(info.st_rdev), os.minor(info.st_rdev)]
            if entry["type"] != "symlink":
                entry["xattrs"] = {
                    name: os.getxattr(path, name).hex() for name in sorted(os.listxattr(path))
                }
            entries.append(entry)
    json.dump({"euid": os.geteuid(), "entries": entries}, sys.stdout)


def acl(*entries):
    data = (2).to_bytes(4, "little")
    for tag, permissions, ident in entries:
        data += tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + ident.to_bytes(4, "little")
    return data


def make(top, kind):
    os.makedirs(top)
    os.chdir(top)

    def write(path, data, mode=0o644):
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)

    os.makedirs("dir/empty")
    write("dir/plain", b"hello\n" * 100, 0o4755)
    write("dir/zero", b"")
    write("dir/block", bytes(range(256)) * 2)
    write("dir/large", os.urandom(300_000), 0o600)
    os.link("dir/large", "hard")
    os.symlink("dir/plain", "soft")
    os.mkfifo("fifo", 0o622)
    os.chmod("dir/empty", 0o1777)
    if os.geteuid() == 0:
        os.chown("dir/plain", 12345, 23456)
        os.chmod("dir/plain", 0o4755)
        os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod("disk", 0o660 | stat.S_IFBLK, os.makedev(259, 70000))
    if kind == "full":
        write("n" * 255, b"long name")
        deep = "/".join(["d" * 100] * 4)
        os.makedirs(deep)
        write(deep + "/" + "f" * 200, b"deep")
        os.symlink("x" * 300, "long-link")
        os.symlink(os.fsencode("ziel-ä") + b"\xff", b"byte-link\xfe")
        write("ümläut 日本", b"utf-8")
        write(b"not\xffutf8\x80", b"bytes")
        write("new\nline and \\ and \"", b"newline")
        write("-rf --dash", b"dash")
        write("old", b"1901")
        os.utime("old", ns=(0, -2_000_000_000_000_000_000))
        write("far", b"2250")
        os.utime("far", ns=(0, 8_850_000_000_123_456_789))
        if os.geteuid() == 0:
            write("someone", b"large ids")
            os.chown("someone", 3_000_000_000, 2_999_999_999)
        write("attributes", b"xattr")
        os.setxattr("attributes", "user.plain", b"value")
        os.setxattr("attributes", "user.with=equals%25", b"\x00binary\n\xff")
        os.setxattr("attributes", "user.empty", b"")
        write("acl", b"acl", 0o640)
        os.setxattr(
            "acl",
            "system.posix_acl_access",
            acl((1, 6, 0xFFFFFFFF), (2, 4, 54321), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)),
        )
        os.makedirs("acl-dir")
        os.setxattr(
            "acl-dir",
            "system.posix_acl_default",
            acl((1, 7, 0xFFFFFFFF), (4, 5, 0xFFFFFFFF), (8, 7, 4321), (16, 7, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)),
        )
        with open("sparse", "wb") as file:
            for i in range(30):
                file.seek(i * 1_000_000)
                file.write(os.urandom(5000))
            file.truncate(40_000_000)
        with open("all-hole", "wb") as file:
            file.truncate(5_000_000)


if __name__ == "__main__":
    if sys.argv[1] == "describe":
        describe(sys.argv[2])
    else:
        make(sys.argv[2], sys.argv[3])
