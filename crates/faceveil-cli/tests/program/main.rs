//! The program as its users run it: the real binary, in a temporary folder.

mod behaviour;
mod journal;
mod layers;
mod places;
mod sandbox;
