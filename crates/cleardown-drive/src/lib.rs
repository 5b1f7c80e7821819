//! Drives: the file system that FUSE serves in front of a `Share`.
