//! The `tapebackarr` program: hands the command line over to [`tapebackarr::cli`].

fn main() -> std::process::ExitCode {
    tapebackarr::cli::main()
}
