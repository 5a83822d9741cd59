//! End to end: the real program, real sockets, real crashes. The tests are in `tests/`.
