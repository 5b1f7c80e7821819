//! cleardownd: registry, supervision of workers, authorization; also the worker's binary.
