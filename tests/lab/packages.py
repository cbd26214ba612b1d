"""What the lab is made of: Debian packages, unpacked into a cache and never installed.

The kernel is User-Mode Linux of a recent suite, for older ones do not run on processors with a large register state;
it brings its own C library. The tools are those of the machine's own release: apt itself decides which packages this
machine lacks, so the same list serves every release, and what is installed already is used as it is.
"""
import fcntl
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

CACHE = os.environ.get("TAPELAB_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tapebackarr-lab")
KERNEL_SUITE = os.environ.get("TAPELAB_KERNEL_SUITE", "forky")
KERNEL_PACKAGES = ["user-mode-linux", "libc6"]
TOOL_PACKAGES = ["tgt", "open-iscsi", "sg3-utils", "mtx", "mt-st", "stenc", "lsscsi", "kmod", "iproute2", "patchelf",
                 "udev"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
FORMAT = 2  # raised when the layout of the cache changes


class CannotStart(Exception):
    """The lab cannot run on this machine; the text says why and what to do."""


def say(*words):
    print("lab:", *words, file=sys.stderr, flush=True)


def run(command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-5:])
        raise CannotStart(f"{' '.join(command[:1] + command[-3:])} failed ({result.returncode}):\n{tail}")
    return result.stdout


def mirror():
    """The Debian mirror that the machine itself is set up for."""
    if os.environ.get("TAPELAB_MIRROR"):
        return os.environ["TAPELAB_MIRROR"].rstrip("/")
    files = ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")
                                               + glob.glob("/etc/apt/sources.list.d/*.sources"))
    for path in files:
        try:
            text = open(path).read()
        except OSError:
            continue
        for uri in re.findall(r"^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+)", text, re.M):
            if uri.rstrip("/").endswith("/debian"):
                return uri.rstrip("/")
    return "http://deb.debian.org/debian"


def apt(name, sources=None):
    """apt-get with a state of its own, which needs no privileges and leaves the machine's alone."""
    state = os.path.join(CACHE, "apt", name)
    for path in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(state, path), exist_ok=True)
    options = {
        "Dir::State::lists": state + "/lists", "Dir::Cache": state + "/cache", "Acquire::Languages": "none",
        "APT::Sandbox::User": "", "APT::Architecture": "amd64", "Debug::NoLocking": "1", "APT::Get::Assume-Yes": "1",
    }
    if sources:
        path = os.path.join(state, "sources.list")
        with open(path, "w") as file:
            file.write(sources)
        open(os.path.join(state, "status"), "a").close()
        options |= {"Dir::Etc::SourceList": path, "Dir::Etc::SourceParts": "/dev/null",
                    "Dir::State::status": state + "/status"}
    command = ["apt-get", "-qq"]
    for key, value in options.items():
        command += ["-o", f"{key}={value}"]
    run(command + ["update"])
    return command, state


def fetch_kernel():
    command, state = apt("kernel", f"deb [signed-by={KEYRING}] {mirror()} {KERNEL_SUITE} main\n")
    run(command + ["download"] + KERNEL_PACKAGES, cwd=state)
    return sorted(glob.glob(state + "/*.deb"))


def fetch_tools():
    command, state = apt("tools")
    run(command + ["--download-only", "--no-install-recommends", "install"] + TOOL_PACKAGES)
    return sorted(glob.glob(state + "/cache/archives/*.deb"))


def unpack(debs, directory):
    os.makedirs(directory)
    for deb in debs:
        run(["dpkg-deb", "-x", deb, directory])
    # Links of a package may name places of the machine it is not installed on.
    for root, folders, files in os.walk(directory):
        for name in folders + files:
            path = os.path.join(root, name)
            if os.path.islink(path) and os.readlink(path).startswith("/"):
                inside = directory + os.readlink(path)
                if os.path.exists(inside):
                    os.remove(path)
                    os.symlink(inside, path)


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def make_self_sufficient(tools, patchelf):
    """The tools find their own libraries, without a variable that other programs would see as well."""
    rpath = ":".join(os.path.join(tools, path) for path in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))
    for root, _, files in os.walk(tools):
        for name in files:
            path = os.path.join(root, name)
            if os.path.islink(path) or name == "patchelf" or not (root.endswith("bin") or ".so" in name):
                continue
            if is_elf(path):
                subprocess.run([patchelf, "--set-rpath", rpath, path], stderr=subprocess.DEVNULL)


def build():
    started = time.time()
    if os.uname().machine != "x86_64":
        raise CannotStart("User-Mode Linux exists for x86-64 only")
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise CannotStart(f"needs {program}: a Debian system")
    if not os.path.exists(KEYRING):
        raise CannotStart(f"needs {KEYRING} (package debian-archive-keyring)")
    say(f"fetching Debian packages into {CACHE} (once)")
    shutil.rmtree(os.path.join(CACHE, "apt"), ignore_errors=True)
    kernel, tools = os.path.join(CACHE, "kernel"), os.path.join(CACHE, "tools")
    for directory in (kernel, tools):
        shutil.rmtree(directory, ignore_errors=True)
    kernel_debs, tool_debs = fetch_kernel(), fetch_tools()
    unpack(kernel_debs, kernel)
    unpack(tool_debs, tools)
    # A link that installing the package would make.
    for path in glob.glob(tools + "/**/bin/mt-st", recursive=True):
        if not os.path.lexists(os.path.join(os.path.dirname(path), "mt")):
            os.symlink("mt-st", os.path.join(os.path.dirname(path), "mt"))
    patchelf = os.path.join(tools, "usr/bin/patchelf")
    patchelf = patchelf if os.path.exists(patchelf) else "patchelf"
    make_self_sufficient(tools, patchelf)
    # The kernel is linked against a newer C library than the machine's.
    libraries = os.path.join(kernel, "usr/lib/x86_64-linux-gnu")
    uml = os.path.join(CACHE, "linux.uml")
    shutil.copy2(os.path.join(kernel, "usr/bin/linux.uml"), uml)
    run([patchelf, "--set-interpreter", libraries + "/ld-linux-x86-64.so.2", "--set-rpath", libraries, uml])
    release = os.listdir(os.path.join(kernel, "usr/lib/uml/modules"))[0]
    modules = os.path.join(CACHE, "modules")
    shutil.rmtree(modules, ignore_errors=True)
    os.makedirs(os.path.join(modules, "lib"))
    os.symlink(os.path.join(kernel, "usr/lib/uml/modules"), os.path.join(modules, "lib/modules"))
    shutil.rmtree(os.path.join(CACHE, "apt"), ignore_errors=True)
    say(f"ready in {time.time() - started:.0f} s: kernel {release}")
    names = [os.path.basename(deb) for deb in kernel_debs + tool_debs]
    return {"format": FORMAT, "release": release, "uml": uml, "modules": modules, "tools": tools, "packages": names}


def setup(force=False):
    """Where everything is; fetched and unpacked first if need be. Raises CannotStart."""
    try:
        os.makedirs(CACHE, exist_ok=True)
        lock = open(os.path.join(CACHE, "lock"), "w")
    except OSError as error:
        raise CannotStart(f"cannot write to {CACHE}: {error}") from error
    stamp = os.path.join(CACHE, "ready.json")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with open(stamp) as file:
                info = json.load(file)
            if info.get("format") == FORMAT and not force:
                return info
        except (OSError, ValueError):
            pass
        info = build()
        with open(stamp + ".new", "w") as file:
            json.dump(info, file, indent=1)
        os.rename(stamp + ".new", stamp)
        return info
