//! The `faramesh` program, run as people and scripts run it. What the server and the engine answer in detail is
//! tested where they are; here it is about arguments, output and exit codes.

mod audit;
mod basics;
mod offline;
mod online;
mod program;
mod suites;
mod watch;
