//! The trees that are backed up: made once, always with the same bytes.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A tree.
pub struct Data {
    /// Its root.
    pub root: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Bytes that neither repeat nor compress, from a generator (xorshift64*).
struct Noise(u64);

impl Noise {
    fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.number().to_le_bytes();
            chunk.copy_from_slice(bytes.get(..chunk.len()).unwrap_or_default());
        }
    }
}

/// Two files of 1 GiB.
pub fn large(folder: &Path) -> Result<Data> {
    const FILE: u64 = 1 << 30;
    let root = made(folder, "large", |root| {
        let mut noise = Noise(0x5eed);
        let mut buffer = vec![0; 8 << 20];
        for name in ["one", "two"] {
            let mut file = File::create(root.join(name))?;
            for _ in 0..FILE / buffer.len() as u64 {
                noise.fill(&mut buffer);
                file.write_all(&buffer)?;
            }
        }
        Ok(())
    })?;
    Ok(Data { root, bytes: 2 * FILE })
}

/// Sizes and places of the small files: 100 000 of 4 to 8 KiB, 100 to a directory.
fn small_files() -> impl Iterator<Item = (String, String, usize)> {
    let mut noise = Noise(0xfeed);
    (0..100_000).map(move |number| {
        let (dir, name) = (format!("{:02}/{:03}", number / 10_000, number / 100), format!("file-{number:06}.dat"));
        (dir, name, 4096 + (noise.number() % 4097) as usize)
    })
}

/// 100 000 files of about 6 KiB; half of each file compresses.
pub fn small(folder: &Path) -> Result<Data> {
    let root = made(folder, "small", |root| {
        let mut noise = Noise(0xbead);
        let mut buffer = vec![b' '; 8193];
        for (dir, name, size) in small_files() {
            let dir = root.join(dir);
            std::fs::create_dir_all(&dir)?;
            let content = buffer.get_mut(..size).context("sizes fit")?;
            noise.fill(content.get_mut(..size / 2).context("half of it")?);
            std::fs::write(dir.join(name), content)?;
        }
        Ok(())
    })?;
    Ok(Data { root, bytes: small_files().map(|(_, _, size)| size as u64).sum() })
}

/// The folder that has both trees, `large` and `small`.
pub fn both(folder: &Path) -> Result<PathBuf> {
    large(folder)?;
    small(folder)?;
    Ok(folder.join("data"))
}

/// Files in one of the topmost folders of [`many`].
const BRANCH: u64 = 200_000;
/// Making files takes no longer than this; then those that are there must do.
const PATIENCE: Duration = Duration::from_secs(150);

/// A tree that is removed when dropped, by several threads.
pub struct Many(Option<tempfile::TempDir>);

impl Many {
    /// Its root.
    pub fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(""), tempfile::TempDir::path)
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        let branches = std::fs::read_dir(self.path()).into_iter().flatten().flatten().map(|entry| entry.path());
        let branches = std::sync::Mutex::new(branches.collect::<Vec<_>>());
        let next = || branches.lock().ok().and_then(|mut rest| rest.pop());
        std::thread::scope(|scope| {
            for _ in 0..threads() {
                scope.spawn(|| {
                    while let Some(branch) = next() {
                        // what is left is removed, or complained of, with the folder
                        let _ = std::fs::remove_dir_all(branch);
                    }
                });
            }
        });
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |count| count.get())
}

/// Up to `files` files, most of them empty, on tmpfs if it has room; how many there are.
pub fn many(files: u64, folder: &Path) -> Result<(Many, u64)> {
    // Measured on tmpfs: less than a kilobyte each, and a page for one in ten.
    let needed = files * 1500;
    let shm = Path::new("/dev/shm");
    let has_room = rustix::fs::statvfs(shm)
        .is_ok_and(|stat| stat.f_bavail * stat.f_frsize > 2 * needed && stat.f_favail > files + files / 100);
    let tree = Many(Some(tempfile::tempdir_in(if has_room { shm } else { folder })?));
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    let made = std::thread::scope(|scope| -> Result<u64> {
        let make = || -> Result<u64> {
            let mut made = 0;
            while begin.elapsed() < PATIENCE {
                let first = next.fetch_add(BRANCH, Ordering::Relaxed);
                if first >= files {
                    break;
                }
                made += branch(tree.path(), first..(first + BRANCH).min(files), begin)?;
            }
            Ok(made)
        };
        let makers: Vec<_> = (0..threads()).map(|_| scope.spawn(make)).collect();
        makers.into_iter().map(|maker| maker.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?).sum()
    })?;
    Ok((tree, made))
}

/// Makes the files with these numbers, as far as there is time; how many.
fn branch(root: &Path, numbers: Range<u64>, begin: Instant) -> Result<u64> {
    let mut dir = PathBuf::new();
    let mut made = 0;
    for number in numbers {
        if number % 200 == 0 {
            if begin.elapsed() >= PATIENCE {
                break;
            }
            dir = root.join(format!("{:03}/directory-{:06}", number / BRANCH, number / 200));
            std::fs::create_dir_all(&dir)?;
        }
        let mut file = File::create(dir.join(format!("a-file-with-an-average-name-{number:08}.txt")))?;
        if number % 10 == 0 {
            file.write_all(&number.to_le_bytes())?;
        }
        made += 1;
    }
    Ok(made)
}

/// Has the machine find as much memory for files in `folder`, if that is a tmpfs, as the next measurement will fill: a virtual
/// machine's first touch of a page is up to ten times slower than the next, and would be counted for whoever comes first.
pub fn touch_memory(folder: &Path, bytes: u64) -> Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    let block = vec![0xa5; 1 << 20];
    for _ in 0..bytes.div_ceil(block.len() as u64) {
        file.write_all(&block)?;
    }
    Ok(())
}

/// The tree `name`, made by `make` unless an earlier run has made all of it.
fn made(folder: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let (root, marker) = (folder.join("data").join(name), folder.join(format!("data/{name}.complete")));
    if !marker.exists() {
        eprintln!("making the test data {}", root.display());
        if root.exists() {
            std::fs::remove_dir_all(&root)?;
        }
        std::fs::create_dir_all(&root)?;
        make(&root).with_context(|| format!("make the test data {}", root.display()))?;
        std::fs::write(&marker, b"")?;
    }
    Ok(root)
}
