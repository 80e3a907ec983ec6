//! Architectures of small networks as data: a graph of operations with their shapes, the families that we train and
//! the thesis's three, and what each costs in parameters, multiplications, bytes and memory. Whoever trains,
//! runs or quantises a network reads the same graph. No weights and no arithmetic here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod family;
pub mod graph;
pub mod planner;
pub mod variation;

pub use family::{DirectConfig, GateConfig, UnetConfig, all, by_name, gate_by_name};
pub use graph::{Activation, Graph, GraphError, Node, NodeId, Op, Shape};
pub use planner::{Life, Plan, arrange, plan};
pub use variation::Variation;
