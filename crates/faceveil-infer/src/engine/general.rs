//! The general engine inside the program: the crate `rten`, in pure Rust.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, OpRegistry, RunOptions, ThreadPool, Value};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, Tensor};

use super::{Engine, EngineError, Values, panic_words};

const NAME: &str = "general";

/// A network in rten. Each has one thread of its own: photos are worked on side by side already.
pub(super) struct General {
    model: Model,
    input: NodeId,
    options: RunOptions,
}

/// The operations whose sizes are checked beforehand (`super::sizes`), and no others.
fn operations() -> OpRegistry {
    rten::op_registry!(
        Abs,
        Add,
        And,
        AveragePool,
        BatchNormalization,
        Cast,
        Ceil,
        Clip,
        Concat,
        ConstantOfShape,
        Conv,
        ConvTranspose,
        Cos,
        DepthToSpace,
        Div,
        Elu,
        Equal,
        Erf,
        Exp,
        Expand,
        Flatten,
        Floor,
        Gather,
        Gelu,
        Gemm,
        GlobalAveragePool,
        Greater,
        GreaterOrEqual,
        HardSigmoid,
        HardSwish,
        Identity,
        InstanceNormalization,
        LayerNormalization,
        LeakyRelu,
        Less,
        LessOrEqual,
        Log,
        LogSoftmax,
        MatMul,
        Max,
        MaxPool,
        Min,
        Mod,
        Mul,
        Neg,
        Not,
        Or,
        PRelu,
        Pad,
        Pow,
        Range,
        Reciprocal,
        ReduceL2,
        ReduceMax,
        ReduceMean,
        ReduceMin,
        ReduceProd,
        ReduceSum,
        Relu,
        Reshape,
        Resize,
        Round,
        Shape,
        Sigmoid,
        Sign,
        Sin,
        Slice,
        Softmax,
        Softplus,
        Softsign,
        Split,
        Sqrt,
        Squeeze,
        Sub,
        Tanh,
        Tile,
        Transpose,
        Unsqueeze,
        Upsample,
        Where
    )
}

impl General {
    pub(super) fn load(model: &[u8], input: &str) -> Result<Self, EngineError> {
        let failed = |problem: String| EngineError::Load { engine: NAME, problem };
        let load = || ModelOptions::with_ops(operations()).prepack_weights(true).load(model.to_vec());
        let model =
            catch_unwind(load).map_err(|p| failed(panic_words(&*p)))?.map_err(|e| failed(e.to_string()))?;
        let input = model.node_id(input).map_err(|e| failed(e.to_string()))?;
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        Ok(Self { model, input, options: RunOptions::default().with_thread_pool(Some(pool)) })
    }

    fn outputs(&self, shape: [usize; 4], picture: &[f32]) -> Result<Vec<Values>, String> {
        let view = NdTensorView::from_data(shape, picture);
        let made = self.model.run(
            vec![(self.input, view.into())],
            self.model.output_ids(),
            Some(self.options.clone()),
        );
        made.map_err(|e| e.to_string())?.into_iter().map(values).collect()
    }
}

fn values(value: Value) -> Result<Values, String> {
    let tensor: Tensor<f32> = value.try_into().map_err(|e: rten::TryFromValueError| e.to_string())?;
    Ok(Values { shape: tensor.shape().to_vec(), data: tensor.into_data() })
}

impl Engine for General {
    fn run(&mut self, shape: [usize; 4], picture: &[f32]) -> Result<Vec<Values>, EngineError> {
        let run = AssertUnwindSafe(|| self.outputs(shape, picture));
        let made = catch_unwind(run).unwrap_or_else(|p| Err(panic_words(&*p)));
        made.map_err(|problem| EngineError::Run { engine: NAME, problem })
    }
}

impl std::fmt::Debug for General {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("General").field(&self.model).finish()
    }
}
