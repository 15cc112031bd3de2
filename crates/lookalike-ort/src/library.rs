//! The shared library: found, checked, loaded once.

use std::env;
use std::error::Error as _;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use lookalike_core::{Error, ErrorKind, Result, contain_panics, one_line};
use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::logging::LogLevel;

/// What a process has once.
#[derive(Debug)]
pub(crate) struct Library {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// What names the library from outside.
const VARIABLE: &str = "ORT_DYLIB_PATH";

impl Library {
    /// The library, loaded if none was before.
    ///
    /// # Errors
    ///
    /// It is not there, is no ONNX Runtime, is too old, or another one was loaded before.
    pub(crate) fn load(wanted: Option<&Path>) -> Result<&'static Self> {
        static LOADED: OnceLock<Library> = OnceLock::new();
        static LOADING: Mutex<()> = Mutex::new(());

        let _guard = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = LOADED.get() {
            return match wanted {
                Some(wanted) if wanted != loaded.path => Err(Error::new(
                    ErrorKind::FailedPrecondition,
                    format!(
                        "ONNX Runtime was loaded from {} before, so that it cannot be loaded from {}; a process has one",
                        loaded.path.display(),
                        wanted.display()
                    ),
                )),
                _ => Ok(loaded),
            };
        }
        let path = wanted.map_or_else(default_path, Path::to_path_buf);
        let library = contain_panics(|| Self::open(path.clone()))
            .unwrap_or_else(|panic| Err(unusable(&path, &panic)))?;
        Ok(LOADED.get_or_init(|| library))
    }

    fn open(path: PathBuf) -> Result<Self> {
        let builder = ort::init_from(&path).map_err(|error| load_error(&path, &error))?;
        let environment = builder
            .with_name("lookalike")
            .with_telemetry(false)
            .with_logger(std::sync::Arc::new(|level, category, _, position, message| {
                // What ONNX Runtime says of a failure comes back as an error too.
                let level = match level {
                    LogLevel::Verbose => log::Level::Trace,
                    LogLevel::Info | LogLevel::Warning => log::Level::Debug,
                    LogLevel::Error | LogLevel::Fatal => log::Level::Warn,
                };
                log::log!(target: "onnxruntime", level, "{category} {position}: {message}");
            }))
            .build()
            .map_err(|error| unusable(&path, &error.to_string()))?;
        environment.set_log_level(LogLevel::Warning);
        let version = version_of(&path).unwrap_or_else(|| ort::info().to_owned());
        Ok(Self { path, version, environment })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

/// What the library says of its version. The bindings tell it only of one that is too old.
#[expect(unsafe_code, reason = "there is no other way to the library's C interface")]
fn version_of(path: &Path) -> Option<String> {
    // SAFETY: the bindings loaded this very library just before and called the same function of it, which has no arguments and
    // returns a pointer to constants of the library. They keep it loaded, and the text is copied here.
    unsafe {
        let library = libloading::Library::new(path).ok()?;
        let base: libloading::Symbol<'_, unsafe extern "C" fn() -> *const ort::sys::OrtApiBase> =
            library.get(b"OrtGetApiBase").ok()?;
        let version = (base().as_ref()?.GetVersionString)();
        (!version.is_null()).then(|| CStr::from_ptr(version).to_string_lossy().into_owned())
    }
}

/// Where the library is if nobody says.
fn default_path() -> PathBuf {
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let name = format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let beside = env::current_exe().ok().map(|program| program.with_file_name(&name));
    beside.filter(|path| path.exists()).unwrap_or_else(|| name.into())
}

fn load_error(path: &Path, error: &LoadDynamicError) -> Error {
    match error {
        LoadDynamicError::BadVersion { version_str, path } => Error::new(
            ErrorKind::FailedPrecondition,
            format!(
                "{} is ONNX Runtime {version_str}, and 1.{}.0 or later is needed; {WAY_OUT}",
                path.display(),
                ort::MINOR_VERSION
            ),
        ),
        // The system's own words are a level below.
        LoadDynamicError::Dlopen { error, .. } => {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            unusable(path, &reason)
        }
        other => unusable(path, &other.to_string()),
    }
}

const WAY_OUT: &str = "take libonnxruntime from the folder `capi` of the Python package `onnxruntime`, and name it in ORT_DYLIB_PATH";

fn unusable(path: &Path, cause: &str) -> Error {
    Error::new(
        ErrorKind::FailedPrecondition,
        format!(
            "ONNX Runtime 1.{}.0 or later cannot be loaded from {}: {}; {WAY_OUT}",
            ort::MINOR_VERSION,
            path.display(),
            one_line(cause)
        ),
    )
}
