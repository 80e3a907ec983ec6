//! ONNX Runtime, loaded from the user's library when it is first asked for. The library is machine code of somebody
//! else's: once it is loaded, it must be trusted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::value::TensorRef;

use super::{Engine, EngineError, OrtLibrary, OrtProvider, Values, panic_words};

const NAME: &str = "ort";

/// A process has one library and one environment; this is where it came from.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// A network in ONNX Runtime, on one thread: photos are worked on side by side already.
#[derive(Debug)]
pub(super) struct Runtime {
    session: Session,
}

impl Runtime {
    pub(super) fn load(library: &OrtLibrary, model: &[u8]) -> Result<Self, EngineError> {
        let environment = environment(&library.path)?;
        let failed = |problem: String| EngineError::Load { engine: NAME, problem: one_line(&problem) };
        let refused = |provider, problem: String| EngineError::Provider {
            path: library.path.display().to_string(),
            provider,
            problem: one_line(&problem),
        };
        let session = AssertUnwindSafe(|| {
            let plain = Session::builder(&environment).map_err(|e| failed(e.to_string()))?;
            let quiet = plain.with_log_level(LogLevel::Fatal).map_err(|e| failed(e.to_string()))?;
            let one = quiet.with_intra_threads(1).map_err(|e| failed(e.to_string()))?;
            let mut builder = one.with_inter_threads(1).map_err(|e| failed(e.to_string()))?;
            if let Some(provider) = library.provider {
                builder = builder
                    .with_execution_providers([dispatch(provider).error_on_failure()])
                    .map_err(|e| refused(provider, e.to_string()))?;
            }
            builder.commit_from_memory(model).map_err(|e| failed(e.to_string()))
        });
        let session = catch_unwind(session).unwrap_or_else(|p| Err(failed(panic_words(&*p))))?;
        Ok(Self { session })
    }

    fn outputs(&mut self, shape: [usize; 4], picture: &[f32]) -> ort::Result<Vec<Values>> {
        let input = TensorRef::from_array_view((shape, picture))?;
        let made = self.session.run(ort::inputs![input])?;
        let values = |value: &ort::value::DynValue| {
            let (shape, data) = value.try_extract_tensor::<f32>()?;
            let side = |&n: &i64| usize::try_from(n).unwrap_or(0);
            Ok(Values { shape: shape.iter().map(side).collect(), data: data.to_vec() })
        };
        (0..made.len()).map(|i| values(&made[i])).collect()
    }
}

impl Engine for Runtime {
    fn run(&mut self, shape: [usize; 4], picture: &[f32]) -> Result<Vec<Values>, EngineError> {
        let run = AssertUnwindSafe(|| self.outputs(shape, picture).map_err(|e| e.to_string()));
        let made = catch_unwind(run).unwrap_or_else(|p| Err(panic_words(&*p)));
        made.map_err(|problem| EngineError::Run { engine: NAME, problem: one_line(&problem) })
    }
}

/// The process's environment; loads the library the first time.
fn environment(path: &Path) -> Result<Environment, EngineError> {
    let failed = |problem: String| EngineError::Library {
        path: path.display().to_string(),
        problem: one_line(&problem),
    };
    // A relative path would be taken as relative to the program.
    let file = path.canonicalize().map_err(|e| failed(e.to_string()))?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, environment)) = &*loaded {
        return if *known == file {
            Ok(environment.clone())
        } else {
            Err(failed(format!("{} has been loaded already, and only one can be", known.display())))
        };
    }
    let load = || {
        let builder = ort::init_from(&file).map_err(|e| e.to_string())?;
        builder.with_telemetry(false).build().map_err(|e| e.to_string())
    };
    let environment = catch_unwind(load).unwrap_or_else(|p| Err(panic_words(&*p))).map_err(failed)?;
    *loaded = Some((file, environment.clone()));
    Ok(environment)
}

fn dispatch(provider: OrtProvider) -> ep::ExecutionProviderDispatch {
    match provider {
        OrtProvider::Cuda => ep::CUDA::default().build(),
        OrtProvider::TensorRt => ep::TensorRT::default().build(),
        OrtProvider::DirectMl => ep::DirectML::default().build(),
        OrtProvider::CoreMl => ep::CoreML::default().build(),
        OrtProvider::OpenVino => ep::OpenVINO::default().build(),
        OrtProvider::Rocm => ep::ROCm::default().build(),
        OrtProvider::MigraphX => ep::MIGraphX::default().build(),
    }
}

fn one_line(problem: &str) -> String {
    problem.split_whitespace().collect::<Vec<_>>().join(" ")
}
