//! Hide faces in photos on your own machine.
#![forbid(unsafe_code)]
