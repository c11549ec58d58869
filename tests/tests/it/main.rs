//! One test binary: the corpus through every host, properties, and the product end to end.

mod native;
